"""The terminal beside the picture: its title and bell, its keys and pastes, its clipboard."""
