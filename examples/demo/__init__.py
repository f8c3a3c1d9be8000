"""The demonstration: a sender and a receiver, as processes of their own, and what they do."""
