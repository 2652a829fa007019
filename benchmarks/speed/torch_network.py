"""The default network as one would write it in PyTorch, to be timed beside ours."""

import torch
from torch import nn

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model.architecture import encoder_depth


class Block(nn.Module):
    """A residual block (n, frames, width): a convolution over three frames, SiLU and a pointwise map."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.mix = nn.RMSNorm(width, eps=1e-6), nn.Linear(width, width)
        self.conv = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix(nn.functional.silu(y))


class Network(nn.Module):
    """The network from clips (n, frames, n_mels) to clips, without downsampling: stem_frames = frames_per_latent."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        step, width, size = config.stem_frames, config.width, config.latent_size
        self.step, self.n_mels = step, config.n_mels
        self.linear_encoder = nn.Linear(step * config.n_mels, size)
        self.stem = nn.Linear(step * config.n_mels, width)
        self.encoder = nn.Sequential(*(Block(width) for _ in range(encoder_depth(config))))
        self.learned_encoder = nn.Linear(width, size)
        self.linear_decoder = nn.Linear(size, step * config.n_mels)
        self.decoder_stem = nn.Conv1d(size, width, 3, padding=1)
        self.decoder = nn.Sequential(*(Block(width) for _ in range(config.depth)), nn.RMSNorm(width, eps=1e-6))
        self.learned_decoder = nn.Linear(width, step * config.n_mels)
        nn.init.zeros_(self.learned_encoder.weight)
        nn.init.zeros_(self.learned_decoder.weight)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        x = 8 * clips.reshape(len(clips), -1, self.step * self.n_mels)
        latent = self.linear_encoder(x) + self.learned_encoder(self.encoder(self.stem(x)))
        y = self.decoder_stem(latent.transpose(1, 2)).transpose(1, 2)
        y = self.linear_decoder(latent) + self.learned_decoder(self.decoder(y))
        return y.reshape(clips.shape) / 8
