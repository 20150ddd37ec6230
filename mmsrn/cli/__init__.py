"""The command ``mmsrn``; nothing but the standard library is imported here."""
