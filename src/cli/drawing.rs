//! What the commands that draw pictures share: how far down they go, what of a picture they see, and their sheet.

use clap::Args;

use super::arguments::{part, sigma};
use super::sheets::SheetArguments;
use crate::joint::SigmaRange;
use crate::picture::Fit;
use crate::study::lab::usual_levels;
use crate::{Result, limits};

/// Where drawing ends, and what is shown of it.
#[derive(Debug, Args)]
pub(super) struct DrawingArguments {
    /// The smallest noise level (2/255, or the model's if that is larger)
    #[arg(long, value_name = "S", value_parser = sigma)]
    to: Option<f32>,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub fit: Fit,
    #[command(flatten)]
    pub sheet: SheetArguments,
    /// Show so many frames of the first one's way on the sheet
    #[arg(long, value_name = "N", default_value_t = 0, requires = "sheet")]
    pub frames: usize,
}

impl DrawingArguments {
    /// Refuses levels that are none, the first one among them.
    pub fn check(&self, from: Option<f32>) -> Result<()> {
        for (option, level) in [("--from", from), ("--to", self.to)] {
            level.map_or(Ok(()), |level| limits::positive_sigma(option, level))?;
        }
        Ok(())
    }

    /// The smallest noise level.
    pub fn last(&self, range: SigmaRange) -> f32 {
        self.to.unwrap_or(usual_levels(range, None).1)
    }
}
