//! `denoscope density`: how probable is a picture, in bits, and how much noise is in it?

use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::{ModelArguments, part, say_abilities, sigma};
use super::outputs::{OutputArguments, make_folder};
use super::pictures;
use super::{Done, console};
use crate::data::{Keep, Loader, Purpose, open};
use crate::joint::JointModel;
use crate::picture::{Fit, Noise, Picture, save_image};
use crate::study::evaluation::Samples;
use crate::study::lab::{
    BitsReport, Density, DensityReport, DensityRequest, NoiseLevel, NoiseReport, PictureReport, density, noise_level,
};
use crate::study::words::{believed, in_words, number, percent};
use crate::study::{Theme, density_sheet, level, ranked};
use crate::task::Cancel;
use crate::{Result, limits};

/// Ask how probable pictures are, in bits a value, and how much noise is in them
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  denoscope density sample:cifar10/frog --among cifar/ --limit 200 --sheet density.png\n  \
                        denoscope density photo.jpg --among photos/ --sigma 25/255\n  \
                        denoscope density noisy.png --already-noisy --among photos/\n\n\
                        A network's log p lacks a constant at each noise level; the denoiser's errors on clean pictures tell it, \
                        without training. Bits a value are an upper bound of the code of the 8-bit values, as published for \
                        diffusion models. With noise, p(c, σ | y) estimates its level with an error bar. Formulas and sources: \
                        docs/lab.md."
)]
pub(super) struct DensityCommand {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// A data set, as eval takes it, whose pictures are measured too; if not given, the pictures stand among themselves
    #[arg(long, value_name = "PATH")]
    among: Option<PathBuf>,
    /// How many pictures of it
    #[arg(long, value_name = "N", default_value_t = 64, requires = "among")]
    limit: u32,
    /// The smallest noise level, as 0.02 or 5/255 (that of the model's trained range if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    from: Option<f32>,
    /// The largest noise level (that of the model's trained range if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    to: Option<f32>,
    /// How many noise levels, evenly spaced in log σ
    #[arg(long, value_name = "N", default_value_t = 32)]
    levels: usize,
    /// How many draws of noise a picture
    #[arg(long, value_name = "N", default_value_t = 2)]
    draws: usize,
    /// Put noise of this level on each picture and estimate it, as 0.1 or 25/255
    #[arg(long, value_name = "S", value_parser = sigma)]
    sigma: Option<f32>,
    /// The pictures have noise of their own, whose level is estimated; the data set of --among is clean
    #[arg(long, conflicts_with = "sigma", requires = "among")]
    already_noisy: bool,
    /// The seed of the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    /// Draw each answer as a sheet: a picture file, or a folder (one that is there, a name that ends in / or has no extension)
    #[arg(long, value_name = "FILE.png|FOLDER")]
    sheet: Option<PathBuf>,
    /// Draw the sheet on dark paper
    #[arg(long, requires = "sheet")]
    dark: bool,
    #[command(flatten)]
    output: OutputArguments,
}

/// A picture that was named.
struct Named {
    /// Its number on the command line, the file, and what was done to it.
    number: usize,
    path: PathBuf,
    description: String,
    picture: Picture,
}

impl DensityCommand {
    pub fn run(&self) -> Done {
        let file = self.model.file();
        let inputs = pictures::files(&self.images).chain(file.as_deref()).chain(self.among.as_deref());
        let mut outputs = self.output.outputs(inputs)?;
        let sheets =
            self.sheet.as_ref().map(|path| outputs.picture_of_each("--sheet", path, &self.images)).transpose()?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = &*self.model.open(&cancel)?;
        say_abilities(model);
        self.check()?;
        let mut named = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            let picture =
                if self.already_noisy { input.fitted.picture } else { input.fitted.picture.map(|v| v.clamp(0.0, 1.0)) };
            named.push(Named {
                number: input.number,
                path: input.path.to_owned(),
                description: input.description,
                picture,
            });
            Ok(())
        })?;
        let data = self.data(model, &cancel)?;
        let request = self.request(named.iter().map(|named| &named.picture), data);
        let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
        let found = density(model, &request, &cancel, &mut |share| bar.set_position((share * 1000.0) as u64));
        bar.finish_and_clear();
        let found = found?;
        let mean = found.mean_bits();
        self.output.say(format!(
            "{} on {}, pictures: {}, bits a value: {} ± {}",
            found.model.name,
            found.model.device,
            found.pictures.len(),
            number(mean.value, 3),
            number(mean.standard_error, 3)
        ))?;
        let mut reports = Vec::new();
        for (index, named) in named.iter().enumerate() {
            let noise = self.noise(&found, model, &named.picture, index, &cancel)?;
            let index = (!self.already_noisy).then_some(index);
            self.print(&found, named, index, noise.as_ref())?;
            if let Some(path) = sheets.as_ref().map(|sheets| &sheets[named.number]) {
                let title = named.path.file_name().unwrap_or(named.path.as_os_str()).to_string_lossy();
                let theme = if self.dark { Theme::Dark } else { Theme::Light };
                make_folder(path)?;
                let sheet = density_sheet(&found, (index, &title), noise.as_ref().map(|n| (n, self.sigma)), theme);
                save_image(path, &sheet.into(), self.output.force)?;
            }
            reports.push(self.report(&found, &named.path, index, noise.as_ref()));
        }
        self.output.write(&DensityReport::of(&found, reports, self.seed))?;
        Ok(ending)
    }

    /// Refuses what would fail only after the work.
    pub(super) fn check(&self) -> Result<()> {
        limits::whole("--limit", self.limit.into(), 1, u64::from(u32::MAX))?;
        self.sigma.map_or(Ok(()), |sigma| limits::positive_sigma("--sigma", sigma))
    }

    fn data(&self, model: &dyn JointModel, cancel: &Cancel) -> Result<Vec<Picture>> {
        let Some(path) = &self.among else { return Ok(Vec::new()) };
        let bar = console::progress(0, "{bar:24} {pos}/{len} pictures read, {eta} left");
        let mut observe = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let loader = &mut Loader { keep: Keep::Meanwhile(std::env::temp_dir()), cancel, observe: &mut observe };
        let set = open(path, Some(model.shape()), Purpose::Measuring)?;
        let samples = Samples::of_another_kind(set, model, Some(self.limit as usize), loader)?;
        bar.finish_and_clear();
        samples.notes.iter().for_each(|note| console::note(note));
        (0..samples.len()).map(|index| samples.picture(index)).collect()
    }

    /// The question about the pictures that were named and the data set's; those with noise are not measured.
    pub(super) fn request<'a>(
        &self,
        named: impl IntoIterator<Item = &'a Picture>,
        data: Vec<Picture>,
    ) -> DensityRequest {
        let own = named.into_iter().filter(|_| !self.already_noisy).cloned();
        let Self { from, to, levels, draws, seed, .. } = *self;
        DensityRequest { pictures: own.chain(data).collect(), from, to, levels, draws, seed }
    }

    /// What the noise of a picture is found to be, if it has any.
    pub(super) fn noise(
        &self,
        found: &Density,
        model: &dyn JointModel,
        picture: &Picture,
        index: usize,
        cancel: &Cancel,
    ) -> Result<Option<NoiseLevel>> {
        let noisy = match self.sigma {
            // Other noise than the constants were measured with.
            Some(sigma) => {
                Noise::gaussian(sigma, self.seed.wrapping_add(u64::from(u32::MAX) + index as u64)).apply(picture)
            }
            None if self.already_noisy => picture.clone(),
            None => return Ok(None),
        };
        noise_level(found, model, &noisy, cancel).map(Some)
    }

    pub(super) fn report(
        &self,
        found: &Density,
        path: &Path,
        index: Option<usize>,
        noise: Option<&NoiseLevel>,
    ) -> PictureReport {
        PictureReport {
            image: path.display().to_string(),
            bits: index.map(|index| BitsReport::of(found, index)),
            noise: noise.map(|noise| NoiseReport::of(noise, self.sigma)),
        }
    }

    fn print(&self, found: &Density, named: &Named, index: Option<usize>, noise: Option<&NoiseLevel>) -> Result<()> {
        let say = |line: String| self.output.say(line);
        say(format!("{}", named.path.display()))?;
        say(format!("  picture   {}", named.description))?;
        if let Some(index) = index {
            let picture = found.pictures[index];
            let bits = picture.bits;
            let place = match found.pictures.len() {
                1 => String::new(),
                _ => format!(", more than {} of the others", in_words(&percent(found.place(index)))),
            };
            say(format!("  bits      {} ± {} a value{place}", number(bits.value, 3), number(bits.standard_error, 3)))?;
            let [coarse, denoiser, values] = [picture.coarse, picture.denoiser, picture.values].map(|v| number(v, 3));
            say(format!("            coarse {coarse}, denoiser {denoiser}, values {values}"))?;
        }
        if let Some(noise) = noise {
            let classes = noise.classes();
            let best = ranked(&classes)[0];
            say(format!(
                "  noise     sigma {} ± {} %{}; {}",
                level::describe(noise.sigma as f32),
                number(100.0 * noise.deviation, 1),
                self.sigma.map(|sigma| format!(", {} was added", level::describe(sigma))).unwrap_or_default(),
                believed(&found.model.classes[best], classes[best])
            ))?;
        }
        Ok(())
    }
}
