//! Sheets: where they go and on what paper, the same for every command that draws some.

use std::path::{Path, PathBuf};

use clap::Args;
use image::RgbImage;

use super::outputs::{OutputArguments, Outputs, make_folder};
use crate::Result;
use crate::picture::save_image;
use crate::study::Theme;

/// Whether what was found is drawn.
#[derive(Debug, Args)]
pub(super) struct SheetArguments {
    /// Draw what was found as a sheet: a picture file; where every picture has one, also a folder (one that is there, a name that
    /// ends in / or has no extension)
    #[arg(long, value_name = "FILE.png|FOLDER")]
    sheet: Option<PathBuf>,
    /// Draw the sheet on dark paper
    #[arg(long, requires = "sheet")]
    dark: bool,
}

impl SheetArguments {
    /// Takes the file of the one sheet of a command.
    ///
    /// # Errors
    /// As for [`Outputs::file`].
    pub fn plan(&self, outputs: &mut Outputs) -> Result<Sheets> {
        self.sheet.as_ref().map_or(Ok(()), |path| outputs.file("--sheet", path))?;
        Ok(self.with(self.sheet.iter().cloned().collect()))
    }

    /// Takes the file of a sheet for each of `images`.
    ///
    /// # Errors
    /// As for [`Outputs::picture_of_each`].
    pub fn plan_each(&self, outputs: &mut Outputs, images: &[PathBuf]) -> Result<Sheets> {
        let files = self.sheet.as_ref().map(|path| outputs.picture_of_each("--sheet", path, images)).transpose()?;
        Ok(self.with(files.unwrap_or_default()))
    }

    fn with(&self, files: Vec<PathBuf>) -> Sheets {
        Sheets { files, theme: if self.dark { Theme::Dark } else { Theme::Light } }
    }
}

/// The planned sheets.
#[derive(Debug)]
pub(super) struct Sheets {
    files: Vec<PathBuf>,
    theme: Theme,
}

impl Sheets {
    /// Writes the sheet of picture `number`, if there is to be one, and returns its file.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be written.
    pub fn write(
        &self,
        number: usize,
        output: &OutputArguments,
        draw: impl FnOnce(Theme) -> RgbImage,
    ) -> Result<Option<&Path>> {
        let Some(path) = self.files.get(number) else { return Ok(None) };
        make_folder(path)?;
        save_image(path, &draw(self.theme).into(), output.force)?;
        Ok(Some(path))
    }
}

/// A picture's name on its sheet.
pub(super) fn title(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
