"""What joins Cadenza with others: one file each, each an extra of its own."""
