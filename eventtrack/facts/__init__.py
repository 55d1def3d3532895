"""The meaning of events: one table for each noun, from which all else follows."""
