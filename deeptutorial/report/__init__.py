"""Pictures that tell how a training went."""

from deeptutorial.report.learning_curve import draw_learning_curve
from deeptutorial.report.mistakes import draw_mistakes

__all__ = ["draw_learning_curve", "draw_mistakes"]
