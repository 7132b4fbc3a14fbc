"""Damaged, odd and hostile files before the command line: nothing may crash, be lost in silence or be left behind."""
