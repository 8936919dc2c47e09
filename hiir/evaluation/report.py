"""Figures of an evaluation for a reader: a Markdown table."""

from hiir.evaluation.benchmark import Evaluation

__all__ = ["to_markdown"]


def to_markdown(evaluation: Evaluation) -> str:
    """One row an image, their mean last; PSNR in dB."""
    rows = ["| image | PSNR | SSIM | seconds |", "|---|---|---|---|"]
    rows += [
        f"| {image.name} | {image.psnr:.2f} | {image.ssim:.4f} | {image.seconds:.2f} |"
        for image in evaluation.images
    ]
    rows.append(
        f"| **mean of {len(evaluation.images)}** | **{evaluation.psnr:.2f}** | "
        f"**{evaluation.ssim:.4f}** | {evaluation.seconds_per_megapixel:.2f} per megapixel |"
    )
    return "\n".join(rows)
