"""Places that keep bytes under names: a folder, a bucket (docs/wire.md, section 4)."""
