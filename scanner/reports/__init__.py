"""What is said about a scan: summaries, plans, diagnoses, answers to questions, and the HTML report."""
