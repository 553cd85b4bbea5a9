"""A profile's log rules compiled to a plan, and chunks of log counted by it."""
