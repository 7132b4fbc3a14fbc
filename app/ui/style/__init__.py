"""How the window looks: colours, icons, number formats, and the small widgets drawn from them."""
