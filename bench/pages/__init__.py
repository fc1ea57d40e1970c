"""A log as months of use leave it, made through the store's own writer, and how long the control port takes over it."""
