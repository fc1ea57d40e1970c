"""Gates: sound of answers that waits for its words, and answers that wait for the words of the user. State machines without a clock."""
