//! What programs show: figures of matplotlib and images of Pillow, given to the host.

use crate::error::{Error, Result};
use crate::function::Module;
use std::fmt;

/// The module of the host that the guest's side looks for.
const MODULE: &str = "_ophidia_figures";

/// A figure that a program showed, drawn.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// `png`, or what matplotlib's `rcParams["savefig.format"]` says, such as `svg` or `pdf`. The program's word for it:
    /// letters and digits of ASCII, 16 at most.
    pub format: String,
    /// The title of its window, such as `Figure 1`, as the program set it; it may be anything.
    pub title: String,
    /// The content of a file in that format, as the program made it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, title, bytes } = self;
        write!(f, "Figure({format}, {title:?}, {} bytes)", bytes.len())
    }
}

/// A module for [`SandboxBuilder::module`](crate::SandboxBuilder::module) that takes what programs show: `plt.show()` of
/// matplotlib gives each open figure to the hook, and closes it; `Image.show()` of Pillow gives the image, as `png`.
/// Without such a module both warn that nothing shows figures.
///
/// An error of the hook is raised where the program called. The limit `value` bounds a figure's bytes.
///
/// ```
/// # fn main() -> ophidia::Result<()> {
/// use ophidia::{Runtime, figures};
/// use std::sync::mpsc;
///
/// let (seen, figure) = mpsc::channel();
/// let taken = figures(move |figure| Ok(seen.send(figure).is_ok()).map(drop));
/// let mut py = Runtime::ambient()?.interpreter().module(taken).build()?;
/// // What matplotlib's `plt.show()` does for each figure:
/// py.run("from _ophidia import figures\nfigures.show(b'...', 'png', 'Figure 1')")?;
/// assert_eq!(figure.recv().unwrap().title, "Figure 1");
/// # Ok(())
/// # }
/// ```
pub fn figures(hook: impl Fn(Figure) -> Result<()> + Send + Sync + 'static) -> Module {
    let show = move |bytes: Vec<u8>, format: String, title: String| -> Result<()> {
        if format.is_empty()
            || format.len() > 16
            || !format.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            let said = crate::error::beginning(&format);
            return Err(Error::grant(format!(
                "a figure's format is 1 to 16 letters and digits of ASCII, such as png, not {said:?}"
            )));
        }
        hook(Figure { format, title, bytes })
    };
    Module::new(MODULE).function("show", show)
}
