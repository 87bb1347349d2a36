"""Pictures and pages that tell how a training went."""

from deeptutorial.report.da_report import write_dA_report
from deeptutorial.report.learning_curve import draw_learning_curve
from deeptutorial.report.mistakes import draw_mistakes
from deeptutorial.report.sda_report import write_SdA_report
from deeptutorial.report.trained import Trained
from deeptutorial.report.weight_chart import save_high_weights

__all__ = [
    "Trained",
    "draw_learning_curve",
    "draw_mistakes",
    "save_high_weights",
    "write_SdA_report",
    "write_dA_report",
]
