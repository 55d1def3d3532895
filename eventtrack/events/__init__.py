"""What may be written: event types, their registry, and the envelope that carries them."""
