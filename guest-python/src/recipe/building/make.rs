//! Libraries that come with a makefile.

use super::Building;
use crate::Error;
use crate::error::At;
use crate::recipe::package::Make;
use crate::recipe::product::Product;
use crate::recipe::programs::CC;
use crate::recipe::progress::{Branch, file_name};
use crate::recipe::toolchain::TARGET;
use std::fs;

impl Building<'_> {
    pub(super) fn make(
        &self,
        make: &Make,
        out: &Product,
        branch: &Branch<'_>,
    ) -> Result<(), Error> {
        let [cc, cxx] = self.compilers(&[])?;
        let (ar, ranlib) = (format!("{TARGET}-ar"), format!("{TARGET}-ranlib"));
        let filled = |text: &str| {
            [
                ("{cc}", &*cc),
                ("{cxx}", &cxx),
                ("{ar}", &ar),
                ("{ranlib}", &ranlib),
                ("{native_cc}", CC),
            ]
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let source = self.source();
        let mut command = self.tools.command("make");
        command.current_dir(&source).arg(format!("-j{}", self.jobs));
        command.args(make.arguments.iter().map(|argument| filled(argument)));
        command.envs(make.environment.iter().map(|(name, value)| (name, filled(value))));
        self.run(&mut command, "compiling", branch)?;
        let archives = out.archives();
        fs::create_dir_all(&archives).at("create", &archives)?;
        for archive in make.archives.iter().map(|archive| source.join(archive)) {
            fs::copy(&archive, archives.join(file_name(&archive))).at("copy", &archive)?;
        }
        Ok(())
    }
}
