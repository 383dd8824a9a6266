"""Record a fine-tuning with Hugging Face's Trainer.

Needs `pip install transformers datasets accelerate` and a network for the first download. It is an example
to copy from; the tests of this repository do not run it, because they have neither.
"""

from __future__ import annotations

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

from timetravel.record.adapters.huggingface import HuggingFaceCallback

NAME = "distilbert-base-uncased"


def main() -> None:
    """Two epochs on film reviews; 2,000 of them are recorded."""
    tokenizer = AutoTokenizer.from_pretrained(NAME)
    model = AutoModelForSequenceClassification.from_pretrained(NAME, num_labels=2)

    def encode(rows: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        return dict(tokenizer(rows["text"], truncation=True, padding="max_length", max_length=128))

    reviews = load_dataset("rotten_tomatoes").map(encode, batched=True).rename_column("label", "labels")
    reviews.set_format("torch", columns=["input_ids", "attention_mask", "labels"])
    recorded = reviews["train"].shuffle(seed=0).select(range(2000))
    trainer = Trainer(
        model,
        TrainingArguments("checkpoints", num_train_epochs=2, eval_strategy="epoch", report_to="none"),
        train_dataset=reviews["train"],
        eval_dataset=reviews["validation"],
        callbacks=[
            HuggingFaceCallback(
                "runs/reviews", samples=recorded, classes=["bad", "good"], checkpoints="none", batch_size=64
            )
        ],
    )
    trainer.train()


if __name__ == "__main__":
    main()
