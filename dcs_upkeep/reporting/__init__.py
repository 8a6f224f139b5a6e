"""What is told: the report, its next step, messages, publishing."""
