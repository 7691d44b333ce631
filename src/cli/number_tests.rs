//! Hostile numbers in every option of every command: each is refused in one line that names an option, or does no harm.
//!
//! The options are those that clap knows of, so that a new one is tried without being listed here.

use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::{Arguments, Command, pictures, usage};
use crate::attack::{Kind, Method};
use crate::data::{Loader, Purpose, open};
use crate::joint::{GaussianMixture, JointModel};
use crate::picture::{Batch, Picture, Shape, save};
use crate::study::evaluation::compare::compare;
use crate::study::evaluation::{Samples, evaluate};
use crate::study::report::{AttackReport, CertificateReport, DenoiserAttackReport};
use crate::task::Cancel;
use crate::{Error, Result, attack, study, train};

mod explored;

/// Numbers that people, scripts and other programs type, and two harmless ones that tell whether numbers are taken at all.
const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "-1",
    "NaN",
    "inf",
    "-inf",
    "1e-320",
    "1e-45",
    "1e-30",
    "1e20",
    "1e30",
    "1e308",
    "1e400",
    "4294967296",
    "9000000000000000000",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "100000000000000000000",
    "64",
    "1",
    "0.5",
];

/// Options whose values are words, files that must be there, or numbers that must fit the picture: none of these is among them.
const WORDS: [&str; 16] = [
    "as",
    "coarse",
    "device",
    "enlarge",
    "flip",
    "init",
    "label",
    "mask",
    "method",
    "noise",
    "noises",
    "norm",
    "objective",
    "preset",
    "recipe",
    "target",
];

/// More than any of these works holds.
const MUCH_MEMORY: u64 = 1 << 28;

const SHAPE: Shape = Shape::new(1, 4, 4);

fn oracle() -> GaussianMixture {
    let means = [0.2, 0.5, 0.8].into_iter().enumerate();
    means.fold(GaussianMixture::new(SHAPE, 3), |m, (class, mean)| m.with(class, 1.0, vec![mean; SHAPE.len()], 0.01))
}

/// What a command needs besides the option that is tried.
fn rest(command: &str, option: &str) -> Vec<&'static str> {
    let mut rest: Vec<&'static str> = match command {
        "analyze" | "uncertainty" => vec!["sample:digits/7"],
        "denoise" => vec!["sample:digits/7", "--output=o.png", "--sigma=0.1"],
        "attack" => vec!["sample:digits/7", "--method=pgd"],
        "certify" => vec!["sample:digits/7", "--samples=100"],
        "sample" if ["churn", "from"].contains(&option) => vec!["--count=2", "--steps=3"],
        "sample" if option == "beta" => vec!["--count=2", "--method=ascent"],
        "counterfactual" if option == "target" => vec!["sample:digits/7", "--positions=2", "--steps=3"],
        "counterfactual" => vec!["sample:digits/7", "--target=class 0", "--positions=2", "--steps=3"],
        "inpaint" if option == "enlarge" => vec!["sample:digits/7", "--native", "--count=2", "--steps=3"],
        "inpaint" if ["hole", "coarse", "mask"].contains(&option) => vec!["sample:digits/7", "--count=2", "--steps=3"],
        "inpaint" => vec!["sample:digits/7", "--random=0.5", "--count=2", "--steps=3"],
        "sample" => vec!["sample:digits/7", "--sigma=0.3", "--count=2", "--steps=3"],
        "evidence" => vec!["sample:digits/7", "--levels=3", "--draws=2"],
        "density" if option == "limit" => vec!["sample:digits/7", "--among=d", "--levels=4", "--draws=2"],
        "density" => vec!["sample:digits/7", "--levels=4", "--draws=2"],
        "audit" => vec!["sample:digits/7", "--sigmas=0.1", "--probes=4", "--draws=2"],
        "eval" => vec!["--data=d"],
        "compare" => vec!["--data=d", "--with=digits"],
        "duel" => vec!["sample:digits/7", "--with=digits", "--steps=3"],
        "train" => vec![
            "--data=d",
            "--out=o",
            "--widths=8",
            "--blocks=1",
            "--strides=1",
            "--batch=2",
            "--steps=2",
            "--holdout=1",
        ],
        "merge" => vec!["j"],
        "usual" => vec!["digits", "--data=d"],
        "info" | "models" | "devices" | "completions" => Vec::new(),
        other => panic!("say here what {other} needs, and in `tried` what it does with its numbers"),
    };
    rest.extend(match option {
        "attack-sigma" => Some("--attacks=fgsm"),
        "defence" if command == "eval" => Some("--attacks=fgsm"),
        "certify-pictures" | "certify-samples" | "certify-alpha" | "certify-attempts" => Some("--certify=0.25"),
        "examples" => Some("--html=h.html"),
        "mixup" | "classify-sigma-distribution" => Some("--classify-share=0.5"),
        "adversarial-share" => Some("--adversarial=n-fgsm:8/255"),
        "attack-votes" => Some("--attempts=1"),
        "shard" => Some("--journal=j"),
        "journal" => Some("--shard=1/2"),
        "preset" => Some("--sigma=0.1"),
        "region" => Some("--components=2"),
        "frames" => Some("--sheet=s.png"),
        "beta" if command == "inpaint" => Some("--method=ascent"),
        "guidance" if command != "analyze" => Some("--as=class 0"),
        _ => None,
    });
    // Another length of the run, or network, excludes these.
    let excluded = match option {
        "epochs" | "hours" => vec!["--steps="],
        "init" | "preset" => vec!["--widths=", "--blocks=", "--strides=", "--method="],
        _ => Vec::new(),
    };
    let own = format!("--{option}=");
    rest.retain(|text| !text.starts_with(&own) && !excluded.iter().any(|prefix| text.starts_with(prefix)));
    rest
}

/// The ways in which a number stands in an option's value, `{}` where it goes.
fn forms(command: &str, option: &str) -> Vec<String> {
    let forms: &[&str] = match option {
        "sigma" | "assume" | "from" | "to" | "least" | "epsilon" | "step-size" | "attack-sigma" => {
            &["{}", "{}/255", "1/{}"]
        }
        "sigmas" | "certify" => &["{}", "0.1,{}", "{}/255"],
        "region" | "hole" => &["{},0,2,2", "0,0,{},2", "{},{},{},{}"],
        "filter" => &["{},0", "{},{}"],
        "fit" => &["{},0,4,4", "0,0,{},4", "{},{},{},{}"],
        "evaluate-every" | "checkpoint-every" => &["{}", "{}s", "{}m"],
        "adversarial" => &["n-fgsm:{}", "pgd:{}:2", "pgd:8/255:{}"],
        "classify-sigma-distribution" | "sigma-distribution" => &["log-normal:{}:1", "log-normal:0.1:{}"],
        "shard" => &["{}/4", "1/{}"],
        "device" => &["cuda:{}"],
        "defence" => &[
            "noise:seed={}",
            "vote:draws={}",
            "vote:votes={}",
            "purify:sigma={}",
            "purify:rounds={}",
            "purify:draws={}",
            "purify:votes={},rounds=2",
        ],
        "attacks" => &["pgd:linf:{}", "fgsm:l2:{}", "fgsm:sigma={}", "deepfool:steps={}", "square:queries={}"],
        "set" => &[],
        _ => &["{}"],
    };
    let mut forms: Vec<String> = forms.iter().map(|&form| form.to_owned()).collect();
    if (command, option) == ("attack", "set") {
        forms.extend(Method::Pgd.description().parameters.iter().map(|parameter| format!("{}={{}}", parameter.name)));
    }
    forms
}

/// A flag that is raised soon.
fn soon() -> Cancel {
    let cancel = Cancel::new();
    let raised = cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        raised.raise();
    });
    cancel
}

/// Does what `command` does with its numbers, for a moment, on tiny pictures; `folder` holds a data set of them.
fn tried(command: &Command, folder: &Path) -> Result<()> {
    done(command, folder, &soon())
}

/// [`done`] of an attack on the denoiser.
fn on_denoiser(command: &super::attack::Attack, model: &GaussianMixture, cancel: &Cancel) -> Result<()> {
    let settings = command.on_denoiser(model).expect("settings")?;
    each(&command.images, model, command.fit, |input| {
        let clean = &input.fitted.picture;
        let outcome = attack::attack_denoiser(model, clean, Some(clean), &settings, cancel, &mut |_| ())?;
        json(&DenoiserAttackReport::of(&outcome, &settings, model, (Some(clean), None), (input.path, "")));
        Ok(())
    })
}

/// [`tried`] until `cancel` is raised.
fn done(command: &Command, folder: &Path, cancel: &Cancel) -> Result<()> {
    let model = oracle();
    match command {
        Command::Analyze(command) => {
            let classes = command.check(&model)?;
            each(&command.images, &model, command.fit, |input| {
                let study = study::analyze(&model, &command.request(input, &classes), cancel, &mut |_| ())?;
                json(&study::report::Analysis::of(&study, input.path, ""));
                Ok(())
            })
        }
        Command::Denoise(command) => {
            let class = command.check(&model)?;
            each(&command.images, &model, command.fit, |input| {
                study::analyze(&model, &command.request(input, class), cancel, &mut |_| ()).map(drop)
            })
        }
        Command::Attack(command) if command.on_denoiser(&model).is_some() => on_denoiser(command, &model, cancel),
        Command::Attack(command) => {
            let (settings, label) = command.check(&model)?;
            each(&command.images, &model, command.fit, |input| {
                let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
                let request =
                    study::AttackRequest { clean, label, settings: settings.clone(), classes: study::Classes::Top(1) };
                let attacked = study::attack(&model, &request, cancel, &mut |_| ())?;
                json(&AttackReport::of(&attacked, input.path, ""));
                Ok(())
            })
        }
        Command::Duel(command) => {
            let means = [0.3, 0.45, 0.8].into_iter().enumerate();
            let empty = GaussianMixture::new(SHAPE, 3);
            let other = means.fold(empty, |m, (class, mean)| m.with(class, 1.0, vec![mean; SHAPE.len()], 0.02));
            let settings = command.settings();
            settings.check([&model, &other])?;
            each(&command.images, &model, command.fit, |input| {
                let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
                let found = study::duel([&model, &other], &clean, &settings, cancel, &mut |_| ())?;
                json(&study::DuelReport::of(&found, input.path, ""));
                Ok(())
            })
        }
        Command::Certify(command) => {
            let (smoothing, limit) = command.check()?;
            each(&command.images, &model, command.fit, |input| {
                let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
                command.bracket(&model, &clean, &smoothing, limit, cancel)?;
                let mut count = attack::Certification::begin(&model, &clean, &smoothing, cancel)?;
                count.advance(&model, &clean, cancel)?;
                let certificate = count.certificate();
                json(&CertificateReport::of(certificate, &smoothing, &model, None, input.path, ""));
                Ok(())
            })
        }
        Command::Uncertainty(_)
        | Command::Audit(_)
        | Command::Evidence(_)
        | Command::Density(_)
        | Command::Sample(_)
        | Command::Inpaint(_)
        | Command::Counterfactual(_) => explored::done(command, &model, cancel),
        Command::Eval(command) => {
            let plan = command.plan();
            plan.check(&model)?;
            let set = open(folder, Some(SHAPE), Purpose::Measuring)?;
            let samples = Loader::quiet(|loader| Samples::new(set, &model, None, loader))?;
            let evaluation = evaluate(&model, &samples, None, &plan, cancel, &mut |_| ())?;
            json(&evaluation);
            Ok(())
        }
        Command::Compare(command) => {
            let plan = command.plan();
            plan.check([&model, &model])?;
            let set = open(folder, Some(SHAPE), Purpose::Measuring)?;
            let samples = Loader::quiet(|loader| Samples::new(set, &model, None, loader))?;
            let comparison = compare([&model, &model], &samples, &plan, cancel, &mut |_| ())?;
            json(&comparison);
            Ok(())
        }
        Command::Train(command) => {
            let desk = tempfile::tempdir().expect("a folder");
            let mut config = command.options.0.clone();
            config.check()?;
            config.device = "cpu".to_owned();
            // It opens the data, makes the network and its threads and writes its state; then it stops.
            (config.data, config.out) = (folder.to_owned(), desk.path().join("o"));
            let mut stop = |event: train::Progress| {
                if matches!(event, train::Progress::Started(_)) {
                    cancel.raise();
                }
            };
            train::run(&config, cancel, &mut stop).map(drop)
        }
        Command::Merge(_)
        | Command::Info(_)
        | Command::Usual(_)
        | Command::Models(_)
        | Command::Devices(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(()),
    }
}

fn each(
    images: &[std::path::PathBuf],
    model: &dyn JointModel,
    fit: crate::picture::Fit,
    work: impl Fn(&pictures::Input<'_>) -> Result<()>,
) -> Result<()> {
    pictures::each(images, model, fit, |input| work(&input)).map(drop)
}

fn json(report: &impl serde::Serialize) {
    serde_json::to_string(report).expect("JSON");
}

/// Three classes of two pictures each.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (class, shade) in [("class 0", 0.2), ("class 1", 0.5), ("class 2", 0.8)] {
        std::fs::create_dir(folder.path().join(class)).expect("a folder");
        for index in 0..2 {
            let path = folder.path().join(class).join(format!("{index}.png"));
            save(path, &Picture::filled(SHAPE, shade), false).expect("a picture");
        }
    }
    folder
}

#[test]
fn no_number_in_any_option_does_harm() {
    let folder = data();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        for option in command.get_arguments().filter(|option| option.get_action().takes_values()) {
            // What is no option is a picture, a model or a shell.
            let Some(option) = option.get_long() else { continue };
            for form in forms(name, option) {
                let outcomes = NUMBERS.map(|number| {
                    let value = format!("--{option}={}", form.replace("{}", number));
                    let line: Vec<&str> =
                        ["denoscope", name].into_iter().chain(rest(name, option)).chain([&*value]).collect();
                    // One that panics is said, and the others are tried.
                    let ended = std::panic::catch_unwind(|| outcome(&line, folder.path()));
                    ended.unwrap_or_else(|_| Err("panics".to_owned())).map_err(|harm| {
                        wrong.push(format!("{name} {value} {harm}"));
                    })
                });
                if outcomes.iter().all(|taken| *taken == Ok(false)) && !WORDS.contains(&option) {
                    wrong.push(format!("{name} --{option}={form} takes no number at all"));
                }
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 90, "{count} options");
}

/// Whether a command line was taken and did no harm; the harm, if it did.
fn outcome(line: &[&str], folder: &Path) -> Result<bool, String> {
    let refused = |words: &str| {
        let first = words.lines().next().unwrap_or_default();
        let is_clear = first.len() < 1000 && !first.chars().any(char::is_control);
        if is_clear { Ok(false) } else { Err(format!("is refused in other than a line: {words}")) }
    };
    let arguments = match Arguments::try_parse_from(line) {
        Ok(arguments) => arguments,
        Err(error) => {
            let said = usage::in_a_line(&error, line[1]);
            // A recipe's errors begin with the file, which is what was typed.
            let typed = line.last().and_then(|word| word.strip_prefix("--recipe="));
            return if said.contains("--") || typed.is_some_and(|file| said.starts_with(&format!("{file}: "))) {
                refused(&said)
            } else {
                Err(format!("is refused without its option: {said}"))
            };
        }
    };
    let mut ended = Ok(());
    let measured = allocation_counter::measure(|| ended = tried(&arguments.command.expect("a command"), folder));
    if measured.bytes_max > MUCH_MEMORY {
        return Err(format!("takes {} bytes", measured.bytes_max));
    }
    match ended {
        Ok(()) | Err(Error::Cancelled) => Ok(true),
        Err(Error::Option { option, .. }) if !option.contains("--") => Err(format!("is refused as {option}")),
        Err(error) if error.to_string().contains('\n') => Err(format!("is refused in more than a line: {error}")),
        Err(error) => refused(&error.to_string()),
    }
}

#[test]
fn no_number_in_any_parameter_of_any_attack_does_harm() {
    let model = oracle();
    let clean = Batch::of([&Picture::filled(SHAPE, 0.4)]);
    for method in Method::ALL {
        for parameter in method.description().parameters {
            let mut taken = 0;
            for number in NUMBERS.iter().filter_map(|text| text.parse::<f64>().ok()) {
                for (norm, epsilon) in method.description().norms {
                    let settings = attack::Settings::new(method, 0.1).within(*norm, *epsilon);
                    // A file's value, which nobody checked.
                    let mut unchecked = settings.clone();
                    unchecked.values.insert(parameter.name.to_owned(), number);
                    let ended = attack::run(&model, &clean, &[1], &unchecked, &soon(), &mut |_| ());
                    let is_set = settings.with(parameter.name, number).is_ok();
                    match ended {
                        Ok(_) | Err(Error::Cancelled) => assert!(is_set || method.description().min_classes > 3),
                        Err(Error::Option { .. }) => {}
                        Err(other) => panic!("{method} {}={number}: {other}", parameter.name),
                    }
                    taken += usize::from(is_set);
                }
            }
            assert!(taken > 0 || parameter.kind == Kind::Switch, "{method} {}", parameter.name);
        }
    }
}

#[test]
fn seeds_survive_json_to_the_last_bit() {
    let folder = data();
    let seed = u64::MAX.to_string();
    for line in [
        ["denoscope", "analyze", "sample:digits/7", "--seed", &seed],
        ["denoscope", "attack", "sample:digits/7", "--method=fgsm", &format!("--seed={seed}")],
    ] {
        let arguments = Arguments::try_parse_from(line).expect("a command line");
        done(&arguments.command.expect("a command"), folder.path(), &Cancel::new()).expect("it ends");
    }
    let settings = attack::Settings { seed: u64::MAX, ..attack::Settings::new(Method::Pgd, 0.1) };
    let text = serde_json::to_string(&settings).expect("JSON");
    assert!(text.contains(&seed), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(serde_json::from_value::<attack::Settings>(value).expect("settings"), settings);
    let defence = attack::Defence::FixedNoise { seed: u64::MAX };
    let text = serde_json::to_string(&defence).expect("JSON");
    assert_eq!(serde_json::from_str::<attack::Defence>(&text).expect("a defence"), defence);
}
