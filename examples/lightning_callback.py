"""Record a PyTorch Lightning training: one more callback (pip install pytorch-lightning)."""

import argparse

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision.transforms import ToTensor

import timetravel
from timetravel.record.adapters.lightning import LightningCallback
from timetravel.sampledata import digits


class Classifier(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def main(out, epochs):
    pl.seed_everything(0)
    train, test = digits(train=True, transform=ToTensor()), digits(train=False, transform=ToTensor())
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            LightningCallback(
                out, samples=ConcatDataset([train, test]), factory="lightning_callback:Classifier"
            )
        ],
    )
    trainer.fit(
        Classifier(), DataLoader(train, batch_size=64, shuffle=True), DataLoader(test, batch_size=359)
    )
    run = timetravel.open_run(out)
    for record in run.records:
        print(record.epoch, {name: round(value, 3) for name, value in record.metrics.items()})
    print(f"timetravel project {out} && timetravel serve {out} --factory lightning_callback:Classifier")
    return run


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/lightning", help="run folder, a new one")
    options.add_argument("--epochs", type=int, default=5)
    main(**vars(options.parse_args()))
