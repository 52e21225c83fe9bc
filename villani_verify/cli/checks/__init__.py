"""What `villani-verify doctor` looks at: the machine, and a landscape on it."""
