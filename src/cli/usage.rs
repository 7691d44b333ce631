//! What was typed: numbers below zero are values, a mistyped command is no picture, and wrong usage is said in one line.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Parser};

use super::Arguments;

/// The arguments of `words`, the program's name first. Help and the version are printed here and end the program.
///
/// # Errors
/// What is wrong with them, in one line.
pub(super) fn parse(words: Vec<OsString>) -> Result<Arguments, String> {
    let whole = Arguments::command();
    // Before its options are refused, which are those of a command.
    if let Some(wrong) = words.get(1).and_then(|word| stranger(word, &whole)) {
        return Err(wrong);
    }
    let chosen = words.iter().skip(1).find_map(|word| whole.find_subcommand(word));
    let (command, name) = (chosen.unwrap_or(&whole), chosen.map_or("", Command::get_name));
    let arguments = Arguments::try_parse_from(joined(words, command)).map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        in_a_line(&error, name)
    })?;
    match arguments.pictures.first().and_then(|first| stranger(first.as_os_str(), &whole)) {
        Some(wrong) => Err(wrong),
        None => Ok(arguments),
    }
}

/// The words with `--option=-1` for `--option -1`, which clap would take for an option of its own. It can be told to take it for a
/// number, but not `-1/255`, `-1,0,4,4` and `-inf`, which are for the option to refuse.
fn joined(words: Vec<OsString>, command: &Command) -> Vec<OsString> {
    let takes_value = |word: &str| {
        let named = |name| move |arg: &&clap::Arg| arg.get_long() == Some(name) && arg.get_action().takes_values();
        word.strip_prefix("--").is_some_and(|name| command.get_arguments().any(|arg| named(name)(&arg)))
    };
    let mut joined: Vec<OsString> = Vec::with_capacity(words.len());
    let mut is_free = false;
    for word in words {
        is_free |= word == "--";
        let option = joined.last().and_then(|last| last.to_str()).filter(|last| !is_free && takes_value(last));
        match (option, word.to_str().filter(|word| is_below_zero(word))) {
            (Some(option), Some(number)) => {
                let both = format!("{option}={number}").into();
                joined.pop();
                joined.push(both);
            }
            _ => joined.push(word),
        }
    }
    joined
}

/// Whether a word begins as a number below zero does.
fn is_below_zero(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('-') else { return false };
    let named = |name: &str| rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(name));
    rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()) || named("inf") || named("nan")
}

/// What is said of a bare word that is neither a command nor a file, where it does not look like a file's name either.
fn stranger(word: &OsStr, whole: &Command) -> Option<String> {
    let word = word.to_str()?;
    let is_bare = !word.is_empty() && !word.starts_with('-') && !word.contains(['/', '\\', '.', ':']);
    let names = || whole.get_subcommands().map(Command::get_name).chain(["help"]);
    if !is_bare || names().any(|name| name == word) || Path::new(word).exists() {
        return None;
    }
    let typed = word.to_lowercase();
    let near = |name: &&str| edits(&typed, name) <= 2.min(typed.chars().count() / 2);
    let meant = names().filter(near).min_by_key(|name| edits(&typed, name));
    let advice = meant
        .map_or_else(|| "; denoscope --help lists the commands".to_owned(), |name| format!("; did you mean {name}?"));
    Some(format!("{word} is no file and no command{advice}"))
}

/// How many letters to insert, delete, replace or swap with the next one make `a` into `b` (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut all: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = all[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(all[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(all[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        all.push(row);
    }
    all[a.len()][b.len()]
}

/// What clap says in several lines, in one, with where to read more; `command` is empty where there is none.
pub(super) fn in_a_line(error: &clap::Error, command: &str) -> String {
    if let Some(line) = number(error) {
        return line;
    }
    let text = error.to_string();
    let said = text.split("\n\nUsage:").next().unwrap_or_default();
    let said = said.split("\n\nFor more information").next().unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let mut line = String::new();
    for part in said.lines().map(str::trim).filter(|part| !part.is_empty()) {
        // A value after `--` would be a picture.
        if part.starts_with("tip: to pass") {
            continue;
        }
        let tip = part.strip_prefix("tip: ");
        line += match tip {
            _ if line.is_empty() => "",
            Some(_) => "; ",
            None if line.ends_with(':') || part.starts_with('[') => " ",
            None => ", ",
        };
        line += tip.unwrap_or(part);
    }
    // Of a value, and of a recipe, all is said.
    if error.kind() == ErrorKind::ValueValidation {
        return line;
    }
    let space = if command.is_empty() { "" } else { " " };
    format!("{line}; see denoscope{space}{command} --help")
}

/// What is said of a value that should be a number and is none, or one that is not in the range, in this program's own words.
fn number(error: &clap::Error) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let option = context(ContextKind::InvalidArg)?.split(' ').next()?;
    let value = context(ContextKind::InvalidValue)?;
    let source = error.source()?;
    let takes = if source.is::<ParseFloatError>() {
        "a number".to_owned()
    } else if let Some(reason) = source.downcast_ref::<ParseIntError>() {
        match reason.kind() {
            IntErrorKind::PosOverflow => "a smaller whole number",
            _ if value.starts_with('-') => "a whole number from 0 up",
            _ => "a whole number",
        }
        .to_owned()
    } else {
        range(&source.to_string())?
    };
    Some(format!("{option}: takes {takes}, not {value}"))
}

/// The numbers of clap's `0 is not in 1..=4096`, in words; one that ends where the type does has no end worth a word.
fn range(reason: &str) -> Option<String> {
    let (value, range) = reason.split_once(" is not in ")?;
    let (low, high) = range.split_once("..=")?;
    let value: i128 = value.parse().ok()?;
    let is_open = [u32::MAX.into(), i64::MAX.into(), u64::MAX.into()].iter().any(|end: &i128| end.to_string() == high);
    let is_below = high.parse().is_ok_and(|high: i128| value <= high);
    Some(if is_open && is_below {
        format!("a whole number from {low} up")
    } else {
        format!("a whole number from {low} to {high}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a command line that is refused.
    fn refused(line: &str) -> String {
        let words = line.split_whitespace().map(OsString::from).collect();
        let said = parse(words).expect_err(line);
        assert!(!said.contains('\n') && !said.contains("Usage"), "{line}: {said}");
        said
    }

    #[test]
    fn every_option_takes_a_number_below_zero_for_its_value() {
        let mut count = 0;
        for command in Arguments::command().get_subcommands() {
            for option in command.get_arguments().filter(|option| option.get_action().takes_values()) {
                let Some(option) = option.get_long() else { continue };
                for number in ["-1", "-1/255", "-0.5,2", "-.5", "-inf", "-1,0,4,4"] {
                    let line = format!("denoscope {} --{option} {number}", command.get_name());
                    let words = line.split_whitespace().map(OsString::from).collect();
                    if let Err(said) = parse(words) {
                        assert!(!said.contains("unexpected") && !said.contains('\n'), "{line}: {said}");
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 300, "{count} lines");
    }

    #[test]
    fn numbers_are_refused_by_their_options_name_in_words() {
        for (line, said) in [
            ("attack a.png --method pgd --seed -3", "--seed: takes a whole number from 0 up, not -3"),
            ("duel a.png --with x --steps -3", "--steps: takes a whole number from 0 up, not -3"),
            ("eval --data x --limit 0", "--limit: takes a whole number from 1 up, not 0"),
            ("eval --data x --limit 9999999999", "--limit: takes a whole number from 1 to 4294967295, not 9999999999"),
            ("eval --data x --batch 5000", "--batch: takes a whole number from 1 to 4096, not 5000"),
            ("analyze a.png --guidance x", "--guidance: takes a number, not x"),
            ("analyze a.png --seed 1e3", "--seed: takes a whole number, not 1e3"),
            (
                "analyze a.png --seed 18446744073709551616",
                "--seed: takes a smaller whole number, not 18446744073709551616",
            ),
        ] {
            assert_eq!(refused(&format!("denoscope {line}")), said);
        }
        let said = refused("denoscope analyze a.png --sigma -1/255");
        assert!(said.contains("--sigma") && said.contains("is no level"), "{said}");
    }

    #[test]
    fn wrong_usage_is_a_line_with_where_to_read_more() {
        for (line, said) in [
            (
                "train",
                "the following required arguments were not provided: --data <PATH>, --out <FILE>; see denoscope train --help",
            ),
            (
                "analyze a.png --simga 3",
                "unexpected argument '--simga' found; a similar argument exists: '--sigma'; see denoscope analyze --help",
            ),
            ("devices --model x", "unexpected argument '--model' found; see denoscope devices --help"),
            ("--sigma 3", "unexpected argument '--sigma' found; see denoscope --help"),
        ] {
            assert_eq!(refused(&format!("denoscope {line}")), said);
        }
        assert!(refused("denoscope completions zzsh").contains("[possible values: bash, "));
        let said = refused("denoscope train --recipe nope.toml");
        assert!(said.starts_with("nope.toml: ") && !said.contains("--help"), "{said}");
    }

    #[test]
    fn a_mistyped_command_is_no_picture() {
        for (word, meant) in [("analyse", "analyze"), ("Denoise", "denoise"), ("deniose", "denoise"), ("eva", "eval")] {
            let said = refused(&format!("denoscope {word} photo.jpg --sigma 0.1"));
            assert_eq!(said, format!("{word} is no file and no command; did you mean {meant}?"));
        }
        assert!(refused("denoscope photograph").ends_with("; denoscope --help lists the commands"));
        assert!(refused("denoscope --model digits nothing").starts_with("nothing is no file"));
        // What may be a file is for the window to open, and to say of it what is wrong.
        for line in ["", "photo.jpg", "folder/analyse", "src", "sample:digits/7", "--model digits a.png"] {
            let words = ["denoscope"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
            assert!(parse(words).expect(line).command.is_none());
        }
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in [("", "abc", 3), ("abc", "abc", 0), ("acb", "abc", 1), ("kitten", "sitting", 3)] {
            assert_eq!((edits(a, b), edits(b, a)), (count, count), "{a} {b}");
        }
    }
}
