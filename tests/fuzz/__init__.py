"""The machine that finds the next fault: hostile inputs, drawn specs, damage, and a sandbox that answers for them."""
