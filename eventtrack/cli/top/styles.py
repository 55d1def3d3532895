"""The layout of the interface, in textual's own language. Colours are those of the terminal."""

STYLES = """
Screen { background: ansi_default; color: ansi_default; layout: vertical; }
#head, #tabs { height: 1; background: ansi_default; }
#message { height: auto; max-height: 5; padding: 0 1; background: ansi_default; }
#body { layout: vertical; height: 1fr; background: ansi_default; }
#runs { height: 2fr; background: ansi_default; overflow-x: hidden; scrollbar-size-vertical: 1; }
#below { layout: vertical; height: 3fr; background: ansi_default; }
#panels { height: 1fr; background: ansi_default; }
#panels > * { height: 1fr; width: 1fr; background: ansi_default; scrollbar-size: 1 1; }
#curves, #load { overflow-x: hidden; }
.-wide #body { layout: horizontal; }
.-wide #runs { width: 1fr; height: 1fr; }
.-wide #below { width: 1fr; height: 1fr; padding-left: 2; }
.-whole #runs { display: none; }
#prompt { height: 3; background: ansi_default; border: round ansi_blue; }
ModalScreen { align: center middle; background: ansi_default 0%; }
.window { width: 76; max-width: 100%; height: auto; max-height: 80%; padding: 0 1;
          border: round ansi_blue; background: ansi_default; color: ansi_default; }
Footer { background: ansi_default; }
"""
