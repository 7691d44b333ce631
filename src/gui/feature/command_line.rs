//! The command lines that give what is on screen.

use std::path::{Path, PathBuf};

use super::pictures::hash;
use crate::attack::{self, Defence, Mode, Smoothing, Target};
use crate::gui::state::document::{Entry, Source};
use crate::gui::state::model::ModelSource;
use crate::gui::state::settings::Settings;
use crate::picture::{self, Fit, Noise, NoiseKind};
use crate::study::level::exact;
use crate::study::{Theme, target_argument};
use crate::{Error, Result};

/// The photograph at its own size.
#[derive(Debug, Clone)]
pub struct Native {
    /// The class that it is restored as.
    pub class: Option<usize>,
    /// What the restored picture is called.
    pub output: String,
}

/// What a command line has to say of the window.
#[derive(Debug, Clone)]
pub struct Screen {
    /// How the picture is fitted.
    pub fit: Fit,
    /// The noise that is added, or the level that is assumed.
    pub noise: Noise,
    /// The picture has noise of its own.
    pub already_noisy: bool,
    /// The model.
    pub model: ModelSource,
    /// The device, as typed.
    pub device: String,
    /// Whether the model is averaged with itself on the mirrored picture.
    pub mirror: bool,
    /// w of the classes' restorations `D + w(D_c − D)`.
    pub guidance: f64,
    /// The attack, if it is in sight, and those that were made side by side, if they are.
    pub attacks: Vec<attack::Settings>,
    /// The attack on the denoiser, if it is in sight.
    pub denoiser_attack: Option<attack::DenoiserSettings>,
    /// The certificate, if it is in sight, and how many attacks close in from above.
    pub certificate: Option<(Smoothing, usize)>,
    /// What the sheet is called, if one was saved, and how it looks.
    pub sheet: Option<(String, Theme)>,
    /// The same of the first attack's sheet.
    pub attack_sheet: Option<(String, Theme)>,
    /// The photograph at its own size, if it is in sight, with the class that it is restored as.
    pub native: Option<Native>,
    /// The model's class names.
    pub classes: Vec<String>,
}

impl Screen {
    /// The command for the study of the picture in `image`, and under it those for the attacks and the certificate.
    ///
    /// # Errors
    /// Words for the person, where no command line can.
    pub fn lines(&self, image: &str) -> Result<String, String> {
        if self.model == ModelSource::Oracle {
            return Err("The oracle lives in the window only; choose another model.".to_owned());
        }
        let mut lines = vec![self.analyze(image)];
        for (index, settings) in self.attacks.iter().enumerate() {
            lines.push(self.attack(image, settings, self.attack_sheet.as_ref().filter(|_| index == 0)));
        }
        lines.extend(self.denoiser_attack.as_ref().map(|settings| self.denoiser_attack(image, settings)));
        lines.extend(self.native.as_ref().map(|native| self.denoise(image, native)));
        lines.extend(self.certificate.as_ref().map(|certificate| self.certify(image, certificate)));
        Ok(lines.join("\n"))
    }

    fn analyze(&self, image: &str) -> String {
        let mut line = Line::new("analyze", image);
        self.model(&mut line);
        self.noise(&mut line);
        self.part(&mut line);
        if self.guidance != 1.0 {
            line.option("guidance", &self.guidance.to_string());
        }
        line.sheet(self.sheet.as_ref());
        line.0
    }

    fn denoise(&self, image: &str, native: &Native) -> String {
        let mut line = Line::new("denoise", image);
        self.model(&mut line);
        self.noise(&mut line);
        line.word("--native");
        if let Some(name) = native.class.and_then(|class| self.classes.get(class)) {
            line.option("as", name);
        }
        self.part(&mut line);
        line.option("output", &native.output);
        line.0
    }

    fn noise(&self, line: &mut Line) {
        line.option("sigma", &exact(f64::from(self.noise.sigma), |l| l as f32 == self.noise.sigma));
        if self.already_noisy {
            line.word("--already-noisy");
        } else {
            line.option("seed", &self.noise.seed.to_string());
            if self.noise.kind != NoiseKind::Gaussian {
                line.option("noise", &self.noise.kind.to_string());
            }
        }
    }

    fn attack(&self, image: &str, settings: &attack::Settings, sheet: Option<&(String, Theme)>) -> String {
        let mut line = Line::new("attack", image);
        self.model(&mut line);
        line.option("method", &settings.method.to_string());
        line.option("norm", &settings.norm.to_string());
        if !settings.method.description().minimal {
            line.option("epsilon", &exact(settings.epsilon, |l| l == settings.epsilon));
        }
        for (name, value) in &settings.values {
            line.option("set", &format!("{name}={value}"));
        }
        match settings.target {
            Target::None => {}
            Target::Random => line.option("target", "random"),
            Target::LeastLikely => line.option("target", "least-likely"),
            Target::Class(class) => {
                line.option("target", &self.classes.get(class).map_or_else(String::new, |name| target_argument(name)));
            }
        }
        if settings.mode == Mode::Smallest {
            line.word("--smallest");
        }
        if settings.defence != Defence::None {
            line.option("defence", &settings.defence.argument());
        }
        line.option("sigma", &exact(f64::from(settings.sigma), |l| l as f32 == settings.sigma));
        line.option("seed", &settings.seed.to_string());
        self.part(&mut line);
        line.sheet(sheet);
        line.0
    }

    fn denoiser_attack(&self, image: &str, settings: &attack::DenoiserSettings) -> String {
        let mut line = Line::new("attack", image);
        self.model(&mut line);
        line.option("objective", &settings.objective.to_string());
        line.option("norm", &settings.norm.to_string());
        line.option("epsilon", &exact(settings.epsilon, |l| l == settings.epsilon));
        line.option("steps", &settings.steps.to_string());
        line.option("step-size", &exact(settings.step_size, |l| l == settings.step_size));
        line.option("sigma", &exact(f64::from(settings.sigma), |l| l as f32 == settings.sigma));
        line.option("seed", &settings.seed.to_string());
        if self.already_noisy {
            line.word("--already-noisy");
        } else if self.noise.kind != NoiseKind::Gaussian {
            line.option("noise", &self.noise.kind.to_string());
        }
        self.part(&mut line);
        line.sheet(self.attack_sheet.as_ref());
        line.0
    }

    fn certify(&self, image: &str, (smoothing, attempts): &(Smoothing, usize)) -> String {
        let mut line = Line::new("certify", image);
        self.model(&mut line);
        line.option("sigma", &exact(f64::from(smoothing.sigma), |l| l as f32 == smoothing.sigma));
        line.option("samples", &smoothing.samples.to_string());
        line.option("selection", &smoothing.selection.to_string());
        line.option("alpha", &smoothing.alpha.to_string());
        line.option("seed", &smoothing.seed.to_string());
        if *attempts > 0 {
            line.option("attempts", &attempts.to_string());
        }
        self.part(&mut line);
        line.0
    }

    fn model(&self, line: &mut Line) {
        line.model(&self.model, &self.device, self.mirror);
    }

    fn part(&self, line: &mut Line) {
        match self.fit {
            Fit::Centre => {}
            Fit::Whole => line.option("fit", "whole"),
            Fit::Crop(part) => {
                line.option("fit", &format!("{},{},{},{}", part.x, part.y, part.width, part.height));
            }
        }
    }
}

/// The command that measures what the form of the evaluation says.
///
/// # Errors
/// Words for the person, where no command line can.
pub fn evaluation(settings: &Settings) -> Result<String, String> {
    let Settings { evaluation: form, model, device, mirror, .. } = settings;
    if *model == ModelSource::Oracle {
        return Err("The oracle lives in the window only; choose another model.".to_owned());
    }
    let plan = form.plan().map_err(|error| error.to_string())?;
    let mut line = Line("denoscope eval".to_owned());
    line.option("data", form.data.trim());
    line.model(model, device, *mirror);
    let levels = |levels: &[f32]| {
        levels.iter().map(|&l| exact(f64::from(l), |typed| typed as f32 == l)).collect::<Vec<_>>().join(",")
    };
    line.option("sigmas", &levels(&plan.sigmas));
    line.option("noises", &plan.noises.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(","));
    let attacks: Vec<&str> = form.attacks.split(',').map(str::trim).filter(|attack| !attack.is_empty()).collect();
    if !attacks.is_empty() {
        line.option("attacks", &attacks.join(","));
        form.defences.split_whitespace().for_each(|defence| line.option("defence", defence));
    }
    if !plan.certify.sigmas.is_empty() {
        line.option("certify", &levels(&plan.certify.sigmas));
        if plan.certify.attempts > 0 {
            line.option("certify-attempts", &plan.certify.attempts.to_string());
        }
    }
    if !form.others.trim().is_empty() {
        line.option("ood", form.others.trim());
    }
    line.option("limit", &form.limit.max(1).to_string());
    Ok(line.0)
}

/// A command line that grows.
struct Line(String);

impl Line {
    fn new(command: &str, image: &str) -> Self {
        Self(format!("denoscope {command} {}", quoted(image)))
    }

    fn word(&mut self, word: &str) {
        self.0.push(' ');
        self.0.push_str(word);
    }

    fn sheet(&mut self, sheet: Option<&(String, Theme)>) {
        let Some((name, look)) = sheet else { return };
        self.option("sheet", name);
        if *look == Theme::Dark {
            self.word("--dark");
        }
    }

    fn model(&mut self, model: &ModelSource, device: &str, mirror: bool) {
        self.option("model", &model.argument());
        if device != "auto" {
            self.option("device", device);
        }
        if mirror {
            self.word("--mirror");
        }
    }

    fn option(&mut self, name: &str, value: &str) {
        self.word(&format!("--{name}"));
        self.word(&quoted(value));
    }
}

/// What the command line calls a picture, if it can read it: a file's path, or a sample's name.
#[must_use]
pub fn argument(entry: &Entry) -> Option<String> {
    match &entry.source {
        Source::File { path, .. } => Some(path.display().to_string()),
        Source::Sample => picture::sample(&entry.name).map(|_| format!("sample:{}", entry.name)),
        Source::Pasted | Source::Drawn => None,
    }
}

/// Keeps a picture that is in no file in a file of `folder`, which is named after what is on it, and returns its path.
///
/// # Errors
/// Those of [`picture::save`], and [`Error::Io`] if the folder cannot be made.
pub fn keep(entry: &Entry, folder: &Path) -> Result<PathBuf> {
    let picture = entry.original.picture();
    let bytes: Vec<u8> = picture.values().iter().map(|&v| picture::to_byte(v)).collect();
    let name = entry.name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "-");
    let digits = hash(&bytes);
    let path = folder.join(format!("{name}-{}.png", &digits[..12]));
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    picture::save(&path, picture, true)?;
    Ok(path)
}

/// A word that the shell takes as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-:+,=".contains(c) || (cfg!(windows) && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if cfg!(windows) {
        // The Command Prompt and PowerShell both know double quotes; no path there has one in it.
        return format!("\"{word}\"");
    }
    // A NUL, which no argument can hold, is left as it is.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::state::evaluation_form::EvaluationForm;

    #[test]
    fn an_evaluation_has_a_command() {
        let form = EvaluationForm {
            data: " my data/ ".to_owned(),
            sigmas: "1/255, 0.5".to_owned(),
            attacks: "pgd:linf:8/255,square".to_owned(),
            defences: "none vote".to_owned(),
            certify: "0.25".to_owned(),
            attempts: 8,
            limit: 100,
            ..EvaluationForm::default()
        };
        let mut settings = Settings { evaluation: form, model: ModelSource::named("digits"), ..Settings::default() };
        let line = evaluation(&settings).unwrap();
        let words = shlex::split(&line).unwrap();
        let expected = [
            "denoscope",
            "eval",
            "--data",
            "my data/",
            "--model",
            "digits",
            "--sigmas",
            "1/255,0.5",
            "--noises",
            "gaussian",
            "--attacks",
            "pgd:linf:8/255,square",
            "--defence",
            "none",
            "--defence",
            "vote",
            "--certify",
            "0.25",
            "--certify-attempts",
            "8",
            "--limit",
            "100",
        ];
        assert_eq!(words, expected);
        settings.mirror = true;
        assert_eq!(evaluation(&settings).unwrap(), line.replace("--model digits", "--model digits --mirror"));
        settings.evaluation.attacks = "pdg".to_owned();
        assert!(evaluation(&settings).is_err());
        let settings = Settings { model: ModelSource::Oracle, ..Settings::default() };
        assert!(evaluation(&settings).is_err());
    }

    #[test]
    #[cfg(not(windows))]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("a/b.png"), "a/b.png");
        assert_eq!(quoted("15,4.5,40,40"), "15,4.5,40,40");
        for word in ["it's here.png", "$HOME `x` \"y\"", "", "æ b", "a\\b", "*?[x]"] {
            assert_eq!(shlex::split(&quoted(word)).unwrap(), [word]);
        }
    }
}
