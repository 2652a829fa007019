"""Finding the latent of a sound: the encoder's guess, made better by looking at what the decoder makes of it."""

import math
from dataclasses import replace

import numpy as np

from speech_autoencoder.config import EncodingConfig
from speech_autoencoder.losses import Loss
from speech_autoencoder.model import encode
from speech_autoencoder.model_file import TrainedModel

# Of Adam's averages: short memories, as there are few rounds.
_MOMENTUM, _SECOND_MOMENTUM = 0.9, 0.99


class Encoder:
    """Analysis by synthesis: of all latents near the encoder's, one whose sound is nearer to what is encoded.

    Speech codecs have chosen their codes by listening to the decoder since CELP (Schroeder and Atal, 1985); here the
    search is gradient descent (Adam) on a loss like that of training. It mends what an encoder cannot have learned in
    some minutes, most of all for voices that it has never heard.
    """

    def __init__(self, model: TrainedModel, config: EncodingConfig):
        self.model, self.config = model, config
        loss = replace(model.loss, envelope_weight=config.envelope_weight)
        self._loss = Loss(model.features, loss, band_weight=config.band_weight)
        # Silence around a recording, in which envelopes begin and end: segments that hold a part of it count too.
        self._margin = self._loss.envelope_frames // 2
        self._search = self._compile() if config.rounds else None

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Normalised log-mel (n_mels, n_frames) of any length -> its latent (n_latents, latent_size), float32."""
        latent = encode(self.model.network, self.model.config, frames)
        if not self._search or not frames.any():
            return latent
        n_frames = frames.shape[1]
        around = (self._margin, self._margin + (-n_frames % self.model.config.frames_per_latent))
        clips = np.pad(frames, ((0, 0), around))[None, :, :, None]
        mask = np.pad(np.ones(n_frames, np.float32), around)[None, None, :, None]
        level = np.full(mask.shape, self._loss.level(frames), np.float32)
        return self._search(clips.astype(np.float32), mask, level, latent[None]).numpy()[0]

    def _compile(self):
        """The search as one graph, for any length."""
        import tensorflow as tf

        decoder, rounds = self.model.network.get_layer("decoder"), self.config.rounds
        n_mels, size = self.model.config.n_mels, self.model.config.latent_size
        around = [(0, 0), (0, 0), (self._margin, self._margin), (0, 0)]
        per_frame = tf.TensorSpec((1, 1, None, 1), tf.float32)
        clips, latent = tf.TensorSpec((1, n_mels, None, 1), tf.float32), tf.TensorSpec((1, None, size), tf.float32)

        # AutoGraph would rewrite the loss' source to find no loop in it: half of the time that tracing takes.
        @tf.function(input_signature=[clips, per_frame, per_frame, latent], autograph=False)
        def search(clips, mask, level, start):
            scale = tf.math.reduce_std(start) + 1e-6

            def go_on(number, move, mean, square, best, least):
                count = tf.cast(number, tf.float32)
                with tf.GradientTape() as tape:
                    tape.watch(move)
                    made = tf.pad(decoder(start + scale * move, training=False), around)
                    loss, _ = self._loss(clips, made, mask, level)
                gradient = tape.gradient(loss, move)
                # Adam's steps are as long where there is nothing to gain: the guess itself may be the best.
                best, least = tf.where(loss < least, move, best), tf.minimum(loss, least)
                mean += (1 - _MOMENTUM) * (gradient - mean)
                square += (1 - _SECOND_MOMENTUM) * (tf.square(gradient) - square)
                rate = self.config.rate * 0.5 * (1 + tf.cos(math.pi * count / rounds))
                unbiased = mean / (1 - _MOMENTUM ** (count + 1))
                spread = tf.sqrt(square / (1 - _SECOND_MOMENTUM ** (count + 1)))
                move -= rate * unbiased / (spread + 1e-12)
                return number + 1, move, mean, square, best, least

            nothing = tf.zeros_like(start)
            first = (0, nothing, nothing, nothing, nothing, math.inf)
            best = tf.while_loop(lambda number, *_: number < rounds, go_on, first)[4]
            return start + scale * best

        return search
