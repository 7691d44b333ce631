//! A recipe: the options of a run in a TOML file, which are taken as if they had been typed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, value_parser};
use toml::Value;

use super::config::Config;
use super::state::with_suffix;
use crate::files::write_whole;
use crate::{Error, Result};

/// The option that names a recipe.
const RECIPE: &str = "recipe";
/// The option that goes on with a run.
const RESUME: &str = "resume";

/// The recipe that is written beside a model file.
#[must_use]
pub fn recipe_path(out: &Path) -> PathBuf {
    with_suffix(out, ".toml")
}

/// A run's options alone, as a command.
#[derive(Parser)]
#[command(name = "train")]
struct Options {
    #[command(flatten)]
    config: Config,
}

/// The options of a run as a person types them: `--recipe FILE` gives all that are not typed.
#[derive(Debug, Clone)]
pub struct Typed(pub Config);

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        let recipe = Arg::new(RECIPE).long(RECIPE).value_name("FILE").value_parser(value_parser!(PathBuf)).help(
            "Take the options that are not typed from this file: OUT.toml beside a model is one, and repeats its run",
        );
        let optional = |arg: Arg| arg.required(false).required_unless_present(RECIPE);
        let told = |arg: Arg| arg.required(false).required_unless_present_any([RECIPE, RESUME]);
        Config::augment_args(command).mut_arg("data", told).mut_arg("out", optional).arg(recipe)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = typed(matches);
        let config = if let Some(path) = matches.get_one::<PathBuf>(RECIPE) {
            Config::of_recipe_under(path, &typed)
        } else if typed.contains_key("data") {
            return Config::from_arg_matches(matches).map(Self);
        } else {
            // A run that goes on, of which only the model is named.
            Config::of_run(Path::new(typed.get("out").map_or(OsStr::new(""), |out| out)), &typed)
        };
        config.map(Self).map_err(|e| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{e}\n")))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Config {
    /// These options, with what is typed in `words` in their place: options as on the command line, of which those of the files and
    /// of going on are none.
    ///
    /// # Errors
    /// [`Error::Option`] naming what is wrong in them.
    pub fn with_words(&self, words: &str) -> Result<Self> {
        let wrong = |reason: String| Error::option("more options", reason);
        let words = shlex::split(words).ok_or_else(|| wrong("a quotation has no end".to_owned()))?;
        let own = ["train", "--data=-", "--out=-"].into_iter().map(str::to_owned);
        let matches = Options::command().try_get_matches_from(own.chain(words)).map_err(|e| {
            let text = e.to_string();
            wrong(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })?;
        let typed = typed(&matches);
        let parsed = Options::from_arg_matches(&matches).map_err(|e| wrong(e.to_string()))?.config;
        if parsed.data != Path::new("-") || parsed.out != Path::new("-") || parsed.resume || parsed.overwrite {
            return Err(wrong(
                "the files, and whether they are replaced or gone on with, are not among them".to_owned(),
            ));
        }
        let json = |config: &Self| serde_json::to_value(config).map_err(|e| wrong(e.to_string()));
        let (mut all, parsed) = (json(self)?, json(&parsed)?);
        let lengths = ["steps", "epochs", "hours"];
        if lengths.iter().any(|name| typed.contains_key(*name)) {
            for name in lengths {
                all[name] = serde_json::Value::Null;
            }
        }
        for name in typed.keys().filter(|name| !matches!(name.as_str(), "data" | "out")) {
            all[name.as_str()] = parsed[name.as_str()].clone();
        }
        let config: Self = serde_json::from_value(all).map_err(|e| wrong(e.to_string()))?;
        Ok(Self { resume: self.resume, overwrite: self.overwrite, ..config })
    }

    /// The options as a recipe.
    ///
    /// # Errors
    /// [`Error::Option`] if a path is no text.
    pub fn recipe(&self) -> Result<String> {
        // TOML's integers end at 2⁶³ − 1.
        let large = |seed: u64| i64::try_from(seed).is_err();
        let mut small = self.clone();
        let seeds = [("seed", self.seed), ("split_seed", self.split_seed)];
        [&mut small.seed, &mut small.split_seed].into_iter().filter(|seed| large(**seed)).for_each(|seed| *seed = 0);
        let mut text = toml::to_string(&small).map_err(|e| Error::option("--recipe", e.to_string()))?;
        for (name, seed) in seeds.into_iter().filter(|(_, seed)| large(*seed)) {
            text = text.replace(&format!("\n{name} = 0\n"), &format!("\n{name} = \"{seed}\"\n"));
        }
        // A network that another model gives has no size to choose.
        let sizeless = |line: &&str| self.init.is_none() || !line.starts_with("preset = ");
        let lines: Vec<&str> = text.lines().filter(sizeless).collect();
        Ok(format!(
            "# `denoscope train --recipe THIS` repeats the run; an option that is typed goes before.\n{}\n",
            lines.join("\n")
        ))
    }

    /// Writes the recipe beside the model.
    ///
    /// # Errors
    /// As for [`Config::recipe`], and [`Error::Io`] if it cannot be written.
    pub(super) fn write_recipe(&self) -> Result<()> {
        write_whole(recipe_path(&self.out), self.recipe()?.as_bytes(), true)
    }

    /// The options of a recipe.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] naming what is wrong in it.
    pub fn of_recipe(path: &Path) -> Result<Self> {
        Self::of_recipe_under(path, &BTreeMap::new())
    }

    /// The options of the run that wrote the model `out`, under options that were typed.
    fn of_run(out: &Path, typed: &BTreeMap<String, OsString>) -> Result<Self> {
        let path = recipe_path(out);
        if path.is_file() {
            return Self::of_recipe_under(&path, typed);
        }
        Err(Error::option("--data", format!("is missing, and there is no {} that would tell it", path.display())))
    }

    /// The same, under options that were typed: each takes the place of the recipe's, and of those that it excludes.
    fn of_recipe_under(path: &Path, typed: &BTreeMap<String, OsString>) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let wrong = |reason: String| Error::data(path, reason);
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(0, |span| text[..span.start].lines().count());
            wrong(format!("is no recipe: line {line}: {}", e.message().replace('\n', " ")))
        })?;
        let command = Options::command();
        let option = |name: &str| command.get_arguments().find(|arg| arg.get_id() == name);
        let excludes = |one: &Arg, other: &Arg| {
            command.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
        };
        let mut arguments: Vec<OsString> = vec!["train".into()];
        for (name, value) in &table {
            let id = name.replace('-', "_");
            if words(value).is_some_and(|value| is_retired(&id, &value)) {
                continue;
            }
            let Some(arg) = option(&id).filter(|arg| !matches!(arg.get_id().as_str(), "resume" | "overwrite")) else {
                return Err(wrong(format!("has {name}, which is no option of a run")));
            };
            let yields = |typed: &Arg| typed.get_id() == arg.get_id() || excludes(typed, arg) || excludes(arg, typed);
            if typed.keys().filter_map(|name| option(name)).any(yields) {
                continue;
            }
            let words = words(value).ok_or_else(|| wrong(format!("has no plain value for {name}")))?;
            arguments.extend(argument(arg, OsStr::new(&words)));
        }
        for (name, value) in typed {
            arguments.extend(option(name).and_then(|arg| argument(arg, value)));
        }
        for needed in ["data", "out"] {
            if !table.contains_key(needed) && !typed.contains_key(needed) {
                return Err(Error::option(
                    format!("--{needed}"),
                    format!("is missing, and {} has none", path.display()),
                ));
            }
        }
        // What was typed is sound by itself, so what is wrong is in the recipe.
        let parsed = Options::try_parse_from(arguments);
        parsed.map(|options| options.config).map_err(|e| {
            let text = e.to_string();
            wrong(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })
    }
}

/// Whether an option that there is no more, and that recipes and models tell of, was off: then it did nothing.
fn is_retired(name: &str, value: &str) -> bool {
    const OFF: [(&str, &str); 2] = [("alternate_flip", "false"), ("unlabelled_share", "0.25")];
    OFF.contains(&(name, value))
}

/// The options that were typed, with what was typed.
fn typed(matches: &ArgMatches) -> BTreeMap<String, OsString> {
    let command = Options::command();
    let of = |arg: &Arg| {
        let name = arg.get_id().as_str();
        // The group of all options is none of them.
        if !matches.try_contains_id(name).unwrap_or(false)
            || matches.value_source(name) != Some(ValueSource::CommandLine)
        {
            return None;
        }
        let raw: Vec<OsString> = matches.get_raw(name).into_iter().flatten().map(ToOwned::to_owned).collect();
        Some((name.to_owned(), raw.join(OsStr::new(","))))
    };
    command.get_arguments().filter_map(of).collect()
}

/// An option as it is typed; nothing for a switch that is off.
fn argument(arg: &Arg, value: &OsStr) -> Option<OsString> {
    let mut text = OsString::from(format!("--{}", arg.get_long()?));
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return (*value != *"false").then_some(text);
    }
    text.push("=");
    text.push(value);
    Some(text)
}

/// A value as it is typed.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(answer) => Some(answer.to_string()),
        Value::Array(values) => values.iter().map(words).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests;
