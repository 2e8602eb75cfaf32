"""What training needs: the loss, and what validation says after each epoch."""

from parts.image_captioning.fitting import SmoothedCrossentropy, ValidateCaptions

ValidateWriting = ValidateCaptions
__all__ = ["SmoothedCrossentropy", "ValidateWriting"]
