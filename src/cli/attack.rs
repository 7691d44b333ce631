//! `denoscope attack`: what fools the model, within a budget.

mod denoiser;

use std::path::{Path, PathBuf};

use clap::Args;

use super::Done;
use super::arguments::{ModelArguments, exact, part, plain, say_abilities, sigma};
use super::console;
use super::outputs::{OutputArguments, make_folder};
use super::pictures::{self, Input};
use super::sheets::{SheetArguments, title};
use crate::attack::{Defence, Method, Mode, Norm, Objective, Preset, Settings, Target, parameters};
use crate::joint::JointModel;
use crate::picture::{Fit, NoiseKind, channels, load, save};
use crate::study::report::{AttackReport, WrittenReport};
use crate::study::words::percent_in_print;
use crate::study::{AttackRequest, Attacked, Classes, Written, attack, attack_sheet, class_index, level, target};
use crate::task::Cancel;
use crate::{Error, Result};

/// What both forms of the help begin with.
const EXAMPLES: &str = "Examples:\n  denoscope attack digit.png --method pgd --norm linf --epsilon 8/255 --json -\n  \
                        denoscope attack digit.png --method carlini-wagner --target 3 -o three.png\n  \
                        denoscope attack digit.png --preset autoattack-linf --defence vote\n  \
                        denoscope attack photo.jpg --objective change --sigma 25/255 --norm l2 --epsilon 0.5";

/// Look for a small perturbation that makes the model take a picture for another class
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{}", super::attack_help::registry()))]
pub(super) struct Attack {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The attack, such as fgsm, pgd, apgd-ce, deepfool, square or autoattack; --help lists all with their parameters
    #[arg(long, value_name = "M", value_parser = plain::<Method>,
          required_unless_present_any = ["preset", "objective", "noise", "already_noisy"])]
    method: Option<Method>,
    /// An attack with another library's settings, such as torchattacks-pgd or autoattack-linf; --help lists all
    #[arg(long, value_name = "NAME", conflicts_with = "method")]
    preset: Option<String>,
    /// Attack the denoiser of the picture with noise instead: make the change of what it restores large, or its error
    #[arg(long, value_name = "change|error", value_parser = plain::<Objective>,
          conflicts_with_all = ["method", "preset", "defence", "parameters", "smallest", "target", "label"])]
    objective: Option<Objective>,
    /// What stands before the classifier, which the attack knows: none, noise, vote or purify, with numbers as in
    /// vote:votes=200 or purify:sigma=0.1,rounds=2,through=straight; fixed=1 lets the attack know the noise that decides
    #[arg(long, value_name = "DEFENCE", value_parser = plain::<Defence>, default_value = "none")]
    defence: Defence,
    /// The norm of the budget: linf or l2 (the method's usual one if not given)
    #[arg(long, value_name = "NORM", value_parser = plain::<Norm>)]
    norm: Option<Norm>,
    /// The budget on the [0, 1] scale, as 0.03 or 8/255 (the method's usual one if not given)
    #[arg(long, value_name = "E", value_parser = exact)]
    epsilon: Option<f64>,
    /// How many steps, at most
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// The length of a step, as 0.01 or 2/255
    #[arg(long, value_name = "A", value_parser = exact)]
    step_size: Option<f64>,
    /// Another parameter of the method, such as restarts=5; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Look for the smallest budget that succeeds, from --epsilon on
    #[arg(long)]
    smallest: bool,
    /// The class to be taken for: a name, random or least-likely (any other class if not given); a class that is called random
    /// as random,
    #[arg(long, value_name = "CLASS")]
    target: Option<String>,
    /// The pictures' true class (what the model says of each if not given)
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// The noise level that the attacked classifier p(c | x) assumes (the model's smallest, at least 1/255, if not given); with
    /// --objective the noise that is put on the picture (25/255 if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    sigma: Option<f32>,
    /// The kind of noise that is put on the picture with --objective, as --noise of analyze (gaussian if not given)
    #[arg(long, value_name = "KIND", value_parser = plain::<NoiseKind>)]
    noise: Option<NoiseKind>,
    /// With --objective: put no noise on, the picture has its own, of --sigma
    #[arg(long, conflicts_with = "noise")]
    already_noisy: bool,
    /// The seed of everything random in the attack, the noise included
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    /// Write the attacked picture, rounded to 8 bits, and measure what is written (not with --objective, whose noisy picture is cut
    /// at black and white besides): a picture file, or a folder (one that is there, a name that ends in / or has no extension)
    #[arg(long, short, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    results: OutputArguments,
}

impl Attack {
    pub fn run(&self) -> Done {
        if let Some(objective) = self.objective {
            return self.run_on_denoiser(objective);
        }
        for (option, given) in [("--noise", self.noise.is_some()), ("--already-noisy", self.already_noisy)] {
            if given {
                let reason = "is of attacks on the denoiser, with --objective: the others take the picture as it is";
                return Err(Error::option(option, reason));
            }
        }
        let mut outputs = self.results.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let paths =
            self.output.as_ref().map(|path| outputs.picture_of_each("--output", path, &self.images)).transpose()?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = &*self.model.open(&cancel)?;
        say_abilities(model);
        let (settings, label) = self.check(model)?;
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
            let request = AttackRequest { clean, label, settings: settings.clone(), classes: Classes::Top(0) };
            let attacked = attack(model, &request, &cancel, &mut |_| ())?;
            let mut report = AttackReport::of(&attacked, input.path, &input.description);
            self.print(&input, &attacked)?;
            if let Some(path) = paths.as_ref().map(|paths| &paths[input.number]) {
                make_folder(path)?;
                save(path, &attacked.outcome.attacked, self.results.force)?;
                // What the file holds is what counts: 8 bits, or what JPEG made of them.
                let held = channels(&load(path)?.picture, model.shape().channels);
                let written = attacked.written(model, &request.clean, &held)?;
                self.print_written(path, &attacked, &written)?;
                report.written = Some(WrittenReport::of(&written, path, model.classes()));
            }
            sheets.write(input.number, &self.results, |theme| attack_sheet(&attacked, &title(input.path), theme))?;
            reports.push(report);
            Ok(())
        })?;
        self.results.write(&reports)?;
        Ok(ending)
    }

    /// What is asked for, checked against the model: refused here is what would fail only after the work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<(Settings, Option<usize>)> {
        let settings = self.settings(model)?;
        settings.check(model)?;
        let label = self.label.as_ref().map(|name| class_index("--label", name, model.classes())).transpose()?;
        match (settings.target, &self.label) {
            (Target::Class(class), Some(name)) if Some(class) == label => {
                let reason = format!("{name} is what the pictures are, by --label: name another class");
                Err(Error::option("--target", reason))
            }
            _ => Ok((settings, label)),
        }
    }

    fn settings(&self, model: &dyn JointModel) -> Result<Settings> {
        let sigma = self.sigma.unwrap_or(model.sigma_range().near_clean());
        let usual = match (&self.preset, self.method) {
            (Some(name), _) => Preset::find(name)?.settings(sigma),
            (None, Some(method)) => Settings::new(method, sigma),
            (None, None) => return Err(Error::option("--method", "is missing: name an attack, or a --preset")),
        };
        let norm = self.norm.unwrap_or(usual.norm);
        let of_norm = if norm == usual.norm { None } else { usual.method.description().epsilon(norm) };
        let epsilon = self.epsilon.or(of_norm).unwrap_or(usual.epsilon);
        let mut settings = usual.within(norm, epsilon);
        settings.defence = self.defence;
        settings.seed = self.seed;
        settings.mode = if self.smallest { Mode::Smallest } else { Mode::Fixed };
        if let Some(text) = &self.target {
            settings.target = target("--target", text, model.classes())?;
        }
        if let Some(steps) = self.steps {
            settings.set(parameters::STEPS, f64::from(steps))?;
        }
        if let Some(size) = self.step_size {
            settings.set(parameters::STEP_SIZE, size)?;
        }
        for parameter in &self.parameters {
            let wrong = || Error::option("--set", format!("{parameter:?} is no NAME=VALUE with a number"));
            let (name, value) = parameter.split_once('=').ok_or_else(wrong)?;
            settings.set(name, value.parse().map_err(|_| wrong())?).map_err(|error| match error {
                Error::Option { reason, .. } => Error::option(format!("--set {name}"), reason),
                other => other,
            })?;
        }
        Ok(settings)
    }

    fn print(&self, input: &Input<'_>, attacked: &Attacked) -> Result<()> {
        let (outcome, settings) = (&attacked.outcome, &attacked.settings);
        let say = |line: String| self.results.say(line);
        let name = |class: usize| &attacked.model.classes[class];
        say(format!("{}", input.path.display()))?;
        say(format!("  picture   {}", input.description))?;
        say(format!(
            "  attack    {} {}, sigma {}",
            settings.method,
            settings.norm.title(),
            level::describe(settings.sigma)
        ))?;
        if settings.defence != Defence::None {
            say(format!("  defence   {}; the attack knows it", settings.defence))?;
        }
        let budget = outcome.epsilon.map_or_else(|| "the smallest".to_owned(), |e| level::describe(e as f32));
        let moved = outcome.achieved;
        say(format!("  budget    {budget}; achieved L∞ {:.5}, L2 {:.4}, {} values", moved.linf, moved.l2, moved.l0))?;
        let of = |posterior: &[f64], class: usize| format!("{} ({})", name(class), percent_in_print(posterior[class]));
        let before = of(&outcome.posterior_before, outcome.predicted_before);
        let after = of(&outcome.posterior_after, outcome.predicted_after);
        say(format!(
            "  {:<9} {before} → {after} in {} steps, {} queries",
            outcome.verdict(),
            outcome.steps,
            outcome.queries
        ))?;
        for warning in &outcome.warnings {
            console::note(&format!("note: {}: {warning}", input.path.display()));
        }
        Ok(())
    }

    fn print_written(&self, path: &Path, attacked: &Attacked, written: &Written) -> Result<()> {
        let moved = written.achieved;
        let class = &attacked.model.classes[written.predicted];
        let verdict = match (written.success, attacked.outcome.success) {
            (true, _) => "still taken for",
            (false, true) => "no longer fools: taken for",
            (false, false) => "taken for",
        };
        let beyond = if written.within_budget == Some(false) { ", beyond the budget by rounding" } else { "" };
        self.results.say(format!(
            "  written   {}: {verdict} {class} ({}); L∞ {:.5}, L2 {:.4}{beyond}",
            path.display(),
            percent_in_print(written.posterior[written.predicted]),
            moved.linf,
            moved.l2
        ))
    }
}
