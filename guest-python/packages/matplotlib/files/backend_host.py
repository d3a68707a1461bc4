"""The backend of programs in the guest: figures are drawn as with Agg, and shown by the host."""

import io

from _ophidia import figures
from matplotlib import rcParams
from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg


class FigureManager(FigureManagerBase):
    """A figure is shown in the format of `savefig.format`. All that are shown are closed then, as after their
    windows were closed elsewhere."""

    @classmethod
    def pyplot_show(cls, *, block=None):
        for manager in Gcf.get_all_fig_managers():
            manager.show()
        Gcf.destroy_all()

    def show(self):
        data, format = io.BytesIO(), rcParams["savefig.format"]
        self.canvas.figure.savefig(data, format=format)
        figures.show(data.getvalue(), format, self.get_window_title() or "")


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
