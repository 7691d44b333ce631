//! The command line as a person meets it: what it prints, what it writes, what it refuses and how it says so.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use denoscope::network::{Architecture, Checkpoint, Description, Storage};
use denoscope::picture::{Picture, Shape, load, save};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a tiny untrained model and two pictures in it, where the program runs.
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary folder"));
        let classes = ["cat", "dog", "3"].map(str::to_owned).to_vec();
        let architecture =
            Architecture { widths: vec![8, 8], blocks: vec![1, 1], strides: vec![1, 2], ..Architecture::compact() };
        let description = Description::new("tiny", classes, Shape::new(1, 16, 16), architecture);
        let checkpoint = Checkpoint::untrained(description, 1).expect("a sound description");
        checkpoint.write(desk.at("tiny.safetensors"), Storage::default()).expect("a model file");
        desk.draw("a.png", Shape::new(1, 16, 16));
        desk.draw("b.png", Shape::new(3, 40, 70));
        desk
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn draw(&self, name: &str, shape: Shape) {
        let values = (0..shape.len()).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
        save(self.at(name), &Picture::new(shape, values), true).expect("a picture file");
    }

    /// A data set of the model's three classes in the folder `data`, with this many pictures a class.
    pub(super) fn classes(&self, count: usize) {
        for (number, class) in ["cat", "dog", "3"].into_iter().enumerate() {
            fs::create_dir_all(self.at("data").join(class)).expect("a folder");
            for index in 0..count {
                let value = |i: usize| ((i * (31 + 7 * number) + 13 * index) % 101) as f32 / 100.0;
                let shape = Shape::new(1, 16, 16);
                let picture = Picture::new(shape, (0..shape.len()).map(value).collect());
                save(self.at("data").join(class).join(format!("{index}.png")), &picture, false).expect("a picture");
            }
        }
    }

    /// The program, to be run here; commands that take a model get the tiny one.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        command.current_dir(self.0.path()).args(Self::arguments(line));
        command
    }

    fn arguments(line: &str) -> Vec<&str> {
        let mut arguments: Vec<&str> = line.split_whitespace().collect();
        let takes_model = ["analyze", "denoise", "attack", "certify", "eval"].iter().any(|name| line.starts_with(name));
        if takes_model && !line.contains("--help") {
            arguments.extend(["--model", "tiny.safetensors", "--device", "cpu"]);
        }
        arguments
    }

    fn run(&self, line: &str) -> Assert {
        self.command(line).assert()
    }

    /// Starts the program with its output in pipes, and does not wait for its end.
    #[cfg(unix)]
    fn start(&self, line: &str) -> std::process::Child {
        use std::process::{Command, Stdio};
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        command.current_dir(self.0.path()).args(Self::arguments(line)).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program")
    }

    /// Standard output of a run that succeeds.
    pub(super) fn output(&self, line: &str) -> String {
        text(&self.run(line).success().get_output().stdout)
    }

    /// What a run that succeeds prints, all of which is one JSON value.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.output(line)).expect("standard output is JSON and nothing else")
    }

    /// The one line on standard error of a run that fails with `code`.
    fn refusal(&self, code: i32, line: &str) -> String {
        let run = self.run(line).code(code);
        let said = text(&run.get_output().stderr);
        assert!(!said.contains("panicked"), "{line}: {said}");
        if code == 1 {
            assert_eq!(said.lines().count(), 1, "{line}: one line, not {said:?}");
        }
        said
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

#[test]
fn analyze_prints_one_array_with_every_promised_field() {
    let desk = Desk::new();
    let json = desk.json("analyze a.png b.png --sigma 25/255 --seed 7 --json -");
    let elements = json.as_array().expect("an array");
    assert_eq!(elements.len(), 2);
    for (element, file) in elements.iter().zip(["a.png", "b.png"]) {
        assert_eq!(element["image"], file);
        assert_eq!(
            (&element["model"], &element["device"], &element["seed"]),
            (&"tiny".into(), &"cpu".into(), &7.into())
        );
        assert!((number(&element["sigma"]) - 25.0 / 255.0).abs() < 1e-6);
        let posterior = element["posterior"].as_array().expect("a list");
        let probabilities: Vec<f64> = posterior.iter().map(|p| number(&p["probability"])).collect();
        assert_eq!(posterior.len(), 3);
        assert!(probabilities.is_sorted_by(|a, b| a >= b) && (probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(number(&element["log_density"]).is_finite());
        assert!((number(&element["psnr_db"]["noisy"]) - 20.17).abs() < 1.0, "as the noise level says");
        assert!(number(&element["psnr_db"]["denoised"]).is_finite());
        assert_eq!(element["psnr_db"]["conditional"].as_object().expect("an object").len(), 3);
        assert!(number(&element["identity_error"]) < 1e-4);
        assert!(number(&element["timings_ms"]["forward"]) > 0.0 && number(&element["timings_ms"]["adjoint"]) > 0.0);
    }
    assert!(elements[1]["fit"].as_str().expect("words").contains("Lanczos"), "the fit is said");
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_does_not() {
    let desk = Desk::new();
    let at = |seed: u32| desk.json(&format!("analyze a.png --seed {seed} --json -"))[0]["log_density"].clone();
    assert_eq!(at(3), at(3));
    assert_ne!(at(3), at(4));
}

#[test]
fn sigma_is_taken_as_a_number_or_a_fraction_and_nothing_else() {
    let desk = Desk::new();
    let density = |sigma: &str| desk.json(&format!("analyze a.png --sigma {sigma} --json -"))[0]["log_density"].clone();
    assert_eq!(density("0.2"), density("51/255"));
    for wrong in ["x", "-1", "1/0", "nan", "inf", "1/2/3"] {
        let said = desk.refusal(2, &format!("analyze a.png --sigma={wrong}"));
        assert!(said.contains("--sigma"), "{said}");
    }
}

#[test]
fn a_sigma_outside_the_trained_range_is_computed_at_its_end_and_said() {
    let desk = Desk::new();
    let json = desk.json("analyze a.png --sigma 3 --json -");
    assert!((number(&json[0]["sigma_used"]) - 1.0).abs() < 1e-6);
    let run = desk.run("analyze a.png --sigma 3").success();
    assert!(text(&run.get_output().stderr).contains("outside the trained range"));
}

#[test]
fn one_bad_picture_is_said_in_a_line_and_the_rest_goes_on() {
    let desk = Desk::new();
    fs::write(desk.at("empty.png"), []).expect("a file");
    fs::write(desk.at("text.png"), "no picture").expect("a file");
    let whole = fs::read(desk.at("b.png")).expect("a picture");
    fs::write(desk.at("cut.png"), &whole[..whole.len() / 2]).expect("a file");
    fs::write(desk.at("two\nlines.png"), "no picture").expect("a file");
    fs::create_dir(desk.at("folder")).expect("a folder");
    for bad in ["missing.png", "empty.png", "text.png", "cut.png", "folder"] {
        let run = desk.run(&format!("analyze {bad} a.png --json -")).code(1);
        let said = text(&run.get_output().stderr);
        assert!(said.lines().count() == 1 && said.starts_with("error: ") && said.contains(bad), "{said:?}");
        let json: Value = serde_json::from_slice(&run.get_output().stdout).expect("JSON");
        assert_eq!(json.as_array().expect("an array").len(), 1, "the good picture is in it");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.0.path()).args(["analyze", "two\nlines.png", "--model", "tiny.safetensors"]);
    let said = text(&command.assert().code(1).get_output().stderr);
    assert_eq!(said.lines().count(), 1, "a name with a line break is still one line: {said:?}");
}

#[test]
fn bad_models_are_refused_by_name() {
    let desk = Desk::new();
    let whole = fs::read(desk.at("tiny.safetensors")).expect("the model");
    fs::write(desk.at("cut.safetensors"), &whole[..whole.len() / 2]).expect("a file");
    fs::write(desk.at("empty.safetensors"), []).expect("a file");
    let mut vast = u64::MAX.to_le_bytes().to_vec();
    vast.extend_from_slice(&whole[8..]);
    fs::write(desk.at("vast.safetensors"), vast).expect("a file");
    for bad in ["cut.safetensors", "empty.safetensors", "vast.safetensors", "missing.safetensors", "a.png"] {
        let said = desk.refusal(1, &format!("info {bad}"));
        assert!(said.starts_with("error: ") && said.contains(bad), "{said}");
    }
}

#[test]
fn classes_are_chosen_by_all_number_or_name() {
    let desk = Desk::new();
    let conditional = |classes: &str| {
        let json = desk.json(&format!("analyze a.png --classes {classes} --json -"));
        let classes = json[0]["psnr_db"]["conditional"].as_object().expect("an object").keys().cloned();
        assert!(number(&json[0]["identity_error"]) < 1e-4, "{classes:?}");
        (classes.collect::<Vec<_>>(), json[0]["rest"]["classes"].as_u64())
    };
    assert_eq!(conditional("dog,cat"), (vec!["dog".to_owned(), "cat".to_owned()], Some(1)));
    assert_eq!(conditional("3,").0, ["3"]);
    assert_eq!(conditional("2").0.len(), 2);
    assert_eq!(conditional("all").1, None);
    let said = desk.refusal(2, "analyze a.png --classes cow");
    assert!(said.contains("--classes") && said.contains("cow") && said.contains("cat, dog, 3"), "{said}");
}

#[test]
fn nothing_is_overwritten_without_being_asked() {
    let desk = Desk::new();
    for option in ["--sheet a.png", "--json a.png"] {
        let before = fs::read(desk.at("a.png")).expect("a picture");
        let said = desk.refusal(1, &format!("analyze b.png {option}"));
        assert!(said.contains("exists already") && said.contains("--force"), "{said}");
        assert_eq!(fs::read(desk.at("a.png")).expect("a picture"), before);
    }
    desk.run("denoise b.png --sigma 0.1 -o new.png").success();
    desk.refusal(1, "denoise b.png --sigma 0.1 -o new.png");
    desk.run("denoise b.png --sigma 0.1 -o new.png --force").success();
}

#[test]
fn the_sheet_is_a_picture_and_is_said() {
    let desk = Desk::new();
    let printed = desk.output("analyze a.png --sheet sheet.png --dark");
    assert!(printed.contains("sheet.png"), "{printed}");
    let shape = load(desk.at("sheet.png")).expect("a picture").picture.shape();
    assert!(shape.width >= 1200 && shape.height >= 800, "{shape}");
    assert!(desk.refusal(1, "analyze a.png --sheet sheet.xyz").contains("sheet.xyz"));
    assert!(desk.refusal(2, "analyze a.png --dark").contains("--sheet"));
}

#[test]
fn several_pictures_go_into_a_folder_under_their_own_names() {
    let desk = Desk::new();
    desk.run("denoise a.png b.png --sigma 0.2 -o out").success();
    assert!(desk.at("out/a.png").is_file() && desk.at("out/b.png").is_file());
    let said = desk.refusal(2, "denoise a.png b.png --sigma 0.2 -o one.png");
    assert!(said.contains("one.png is no folder"), "{said}");
}

#[test]
fn denoise_works_at_the_models_size_and_at_the_pictures_own() {
    let desk = Desk::new();
    let size = |options: &str| {
        desk.run(&format!("denoise b.png {options} -o out.png --force")).success();
        load(desk.at("out.png")).expect("a picture").picture.shape()
    };
    assert_eq!(size("--sigma 0.1"), Shape::new(1, 16, 16));
    assert_eq!(size("--sigma 0.1 --as dog"), Shape::new(1, 16, 16));
    assert_eq!(size("--sigma 0.1 --native"), Shape::new(1, 40, 70));
    assert_eq!(size("--already-noisy --native --as 3"), Shape::new(1, 40, 70));
}

#[test]
fn a_picture_with_noise_of_its_own_is_estimated_unless_told() {
    let desk = Desk::new();
    let json = desk.json("denoise b.png --already-noisy -o out.png --json -");
    assert_eq!(json[0]["sigma_estimated"], true);
    assert!(json[0]["seed"].is_null() && json[0]["psnr_db"].is_null(), "there is no clean picture");
    let json = desk.json("denoise b.png --already-noisy --sigma 0.2 -o out.png --force --json -");
    assert_eq!(json[0]["sigma_estimated"], false);
    assert!(desk.refusal(2, "denoise b.png -o other.png").contains("--sigma"));
    assert!(desk.refusal(2, "denoise b.png --sigma 0.1 --as cow -o other.png").contains("--as"));
}

#[test]
fn an_attack_reports_what_was_asked_and_what_was_reached() {
    let desk = Desk::new();
    let line = "attack a.png --method pgd --norm linf --epsilon 8/255 --steps 5 --step-size 2/255 --seed 1 --json -";
    let json = desk.json(line);
    let element = &json[0];
    assert_eq!((&element["method"], &element["norm"]), (&"pgd".into(), &"linf".into()));
    assert!((number(&element["epsilon"]) - 8.0 / 255.0).abs() < 1e-7);
    assert!(number(&element["achieved"]["linf"]) <= 8.0 / 255.0 + 1e-6 && number(&element["achieved"]["l2"]) > 0.0);
    assert!(element["predicted_before"].is_string() && element["predicted_after"].is_string());
    assert!(element["success"].is_boolean() && number(&element["steps"]) >= 5.0);
    assert!(element["loss"].as_array().expect("a list").len() >= 5);
    assert_eq!(desk.json(line), json, "the same seed, the same attack");
}

#[test]
fn attacks_take_presets_and_go_through_defences() {
    let desk = Desk::new();
    let json = desk.json("attack a.png --preset foolbox-pgdl2 --defence vote:draws=2,votes=5 --steps 3 --json -");
    assert_eq!((&json[0]["method"], &json[0]["norm"]), (&"pgd".into(), &"l2".into()));
    assert!((number(&json[0]["epsilon"]) - 0.5).abs() < 1e-7);
    assert_eq!(json[0]["defence"]["votes"], 5);
    assert!(desk.refusal(2, "attack a.png --preset nobody-pgd").contains("--preset"));
    assert!(desk.refusal(2, "attack a.png --method pgd --defence wall").contains("--defence"));
    let help = desk.output("attack --help");
    for word in ["carlini-wagner", "step-size=2/255 in linf, 0.2 in l2", "autoattack-l2"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn a_certificate_counts_its_votes_and_says_when_it_was_stopped() {
    let desk = Desk::new();
    let line = "certify a.png --sigma 0.1 --samples 300 --seed 3 --json -";
    let json = desk.json(line);
    let certificate = &json[0];
    let votes: f64 = certificate["votes"].as_array().expect("a list").iter().map(number).sum();
    assert!((votes - 300.0).abs() < 1e-9 && number(&certificate["samples"]) >= 300.0);
    assert_eq!(certificate["radius"].is_null(), certificate["class"].is_null(), "a class with its radius, or neither");
    assert_eq!(certificate["stopped"], false);
    assert_eq!(desk.json(&format!("{line} --batch 7")), json, "batches change nothing");
    let stopped = desk.json("certify a.png --sigma 0.1 --samples 100000000 --seconds 0.2 --json -");
    assert_eq!(stopped[0]["stopped"], true);
    assert!(desk.refusal(2, "certify a.png --alpha 2").contains("--alpha"));
}

#[test]
fn an_attack_writes_its_picture_and_refuses_what_its_method_does_not_take() {
    let desk = Desk::new();
    let printed = desk.output("attack a.png --method fgsm --epsilon 4/255 --label cat --target dog -o adversarial.png");
    assert!(printed.contains("achieved") && desk.at("adversarial.png").is_file(), "{printed}");
    for (wrong, option) in [
        ("--method pdg", "--method"),
        ("--method deepfool --norm linf", "--norm"),
        ("--method fgsm --steps 3", "--steps"),
        ("--method pgd --set restarts", "--set"),
        ("--method pgd --target cow", "--target"),
        ("--method pgd --epsilon=-1", "--epsilon"),
    ] {
        let said = desk.refusal(2, &format!("attack a.png {wrong}"));
        assert!(said.contains(option), "{said}");
    }
}

#[test]
fn eval_prints_one_object_with_every_promised_field() {
    let desk = Desk::new();
    for class in ["cat", "dog", "3"] {
        let folder = desk.at("data").join(class);
        fs::create_dir_all(&folder).expect("a folder");
        for index in 0..2 {
            let shade = 0.2 * f32::from(u8::try_from(class.len() + index).expect("small"));
            save(folder.join(format!("{index}.png")), &Picture::filled(Shape::new(1, 16, 16), shade), false)
                .expect("a picture");
        }
    }
    let line = "eval --data data --sigmas 0.1,0.5 --attacks fgsm:linf:8/255 --json -";
    let json = desk.json(line);
    assert_eq!((&json["model"], &json["images"]), (&"tiny".into(), &6.into()));
    let levels = json["by_sigma"].as_array().expect("a list");
    assert_eq!(levels.len(), 2);
    for (level, sigma) in levels.iter().zip([0.1, 0.5]) {
        assert!((number(&level["sigma"]) - sigma).abs() < 1e-6);
        assert!((0.0..=1.0).contains(&number(&level["accuracy"])) && (0.0..=1.0).contains(&number(&level["ece"])));
        assert!((number(&level["psnr_db"]["noisy"]) + 20.0 * sigma.log10()).abs() < 1.0);
        assert!(number(&level["psnr_db"]["denoised"]).is_finite() && number(&level["ssim"]) <= 1.0);
    }
    let robust = &json["robust"][0];
    assert_eq!((&robust["method"], &robust["norm"]), (&"fgsm".into(), &"linf".into()));
    assert!(number(&robust["epsilon"]) > 0.0 && number(&robust["accuracy"]) <= number(&robust["clean_accuracy"]));
    assert!(desk.output("eval --data data --limit 2").contains("accuracy"));
    desk.run("eval --data data --ood data --csv table.csv --html page.html").success();
    let (table, page) = (fs::read_to_string(desk.at("table.csv")), fs::read_to_string(desk.at("page.html")));
    assert!(table.expect("a table").contains("tiny,data,6,gaussian"));
    assert!(page.expect("a page").contains("AUROC"));
    assert!(desk.refusal(1, "eval --data data --html page.html").contains("--force"));
    assert!(desk.refusal(1, "eval --data missing").contains("missing"));
    desk.refusal(2, "eval --data data --sigmas 0");
    desk.refusal(2, "eval --data data --attacks pdg");
    desk.refusal(2, "eval --data data --limit 0");
}

#[test]
fn evaluation_depends_on_no_threads_and_on_the_batch_by_rounding_alone() {
    let desk = Desk::new();
    desk.classes(3);
    let line = "eval --data data --sigmas 0.2 --attacks pgd --defence none --defence vote:draws=2,votes=5 --certify 0.3 \
                --certify-samples 20 --json -";
    let at = |batch: u32, threads: &str| {
        let mut command = desk.command(&format!("{line} --batch {batch}"));
        let run = command.env("RAYON_NUM_THREADS", threads).assert().success();
        serde_json::from_str::<Value>(&text(&run.get_output().stdout)).expect("JSON")
    };
    let three = at(3, "2");
    assert_eq!(three, at(3, "1"));
    assert_eq!(three, at(3, "3"));
    // A batch of one goes through other kernels.
    for batch in [1, 9] {
        assert_nearly(&at(batch, "2"), &three);
    }
}

/// Asserts that all numbers in two values are the same to 1e-5, and everything else altogether.
fn assert_nearly(one: &Value, other: &Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            assert!(one.keys().eq(other.keys()));
            one.values().zip(other.values()).for_each(|(one, other)| assert_nearly(one, other));
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len());
            one.iter().zip(other).for_each(|(one, other)| assert_nearly(one, other));
        }
        (Value::Number(_), Value::Number(_)) => {
            let (one, other) = (number(one), number(other));
            assert!((one - other).abs() <= 1e-5 * other.abs().max(1.0), "{one} {other}");
        }
        _ => assert_eq!(one, other),
    }
}

#[test]
fn eval_certifies_and_tells_which_attacks_know_a_defence() {
    let desk = Desk::new();
    desk.classes(2);
    let line = "eval --data data --sigmas 0.2 --attacks fgsm:sigma=0.2 --defence none --defence vote:draws=2,votes=5 --certify \
                0.2 --certify-pictures 4 --certify-samples 50 --html page.html --examples 3";
    let said = desk.output(line);
    assert!(said.contains("Certified") && said.contains("knows the defence"), "{said}");
    let page = fs::read_to_string(desk.at("page.html")).expect("a page");
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 12);
    let json = desk.json(&line.replace("--html page.html --examples 3", "--json -"));
    assert_eq!(
        (&json["robust"][0]["defence"]["kind"], &json["robust"][1]["defence"]["kind"]),
        (&"none".into(), &"vote".into())
    );
    let certified = &json["certified"][0];
    assert_eq!((&certified["images"], &certified["samples"]), (&4.into(), &50.into()));
    assert!(number(&certified["by_radius"][0]["accuracy"]) <= 1.0 && certified["by_radius"][0]["radius"] == 0.0);
    desk.refusal(2, "eval --data data --certify 0");
    desk.refusal(2, "eval --data data --defence vote");
    desk.refusal(2, "eval --data data --resume");
    assert!(desk.refusal(2, "eval --data data --json a.json --resume").contains("a.json.unfinished"));
}

#[cfg(unix)]
#[test]
fn eval_stopped_by_ctrl_c_goes_on_with_the_same_figures() {
    let desk = Desk::new();
    desk.classes(8);
    let line = "eval --data data --sigmas 0.1,0.2 --attacks pgd:steps=60 --batch 2";
    let child = desk.start(&format!("{line} --json out.json"));
    let state = desk.at("out.json.unfinished");
    wait_until(|| fs::read_to_string(&state).is_ok_and(|text| text.lines().count() > 4));
    let said = interrupt(child);
    assert!(said.contains("out.json.unfinished keeps") && said.contains("--resume goes on"), "{said}");
    assert!(state.exists() && !desk.at("out.json").exists());
    assert!(desk.refusal(1, &format!("{line} --json out.json")).contains("--resume goes on"));
    let other = desk.refusal(1, &format!("{line} --seed 5 --json out.json --resume"));
    assert!(other.contains("another evaluation"), "{other}");
    desk.run(&format!("{line} --json out.json --resume")).success();
    assert!(!state.exists(), "it has done its duty");
    let resumed: Value = serde_json::from_slice(&fs::read(desk.at("out.json")).expect("the report")).expect("JSON");
    assert_eq!(resumed, desk.json(&format!("{line} --json -")));
}

#[cfg(unix)]
#[test]
fn analyze_stops_cleanly_at_ctrl_c() {
    use std::io::{BufRead, BufReader};
    let desk = Desk::new();
    desk.draw("large.png", Shape::new(1, 3000, 3000));
    let mut child = desk.start("analyze a.png large.png --sigma 0.1 --native --json out.json");
    // Open to the end: a reader that goes away ends the program by itself.
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut String::new()).expect("what is said of the first picture");
    let said = interrupt(child);
    assert!(said.contains("cancelled") && !said.contains("panicked"), "{said}");
    assert!(!desk.at("out.json").exists());
}

/// Waits, for a minute at most.
#[cfg(unix)]
fn wait_until(holds: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed().as_secs() < 60, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Sends what Ctrl-C sends, and returns what the program said as it ended with code 1.
#[cfg(unix)]
fn interrupt(child: std::process::Child) -> String {
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let output = child.wait_with_output().expect("its end");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[test]
fn info_prints_the_description_and_models_lists_what_is_bundled() {
    let desk = Desk::new();
    let printed = desk.output("info tiny.safetensors");
    for word in ["tiny", "cat, dog, 3", "1×16×16", "MIT OR Apache-2.0", "(255/255)"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    assert_eq!(desk.json("info tiny.safetensors --json")["classes"][1], "dog");
    let listed = desk.output("models");
    for model in denoscope::network::bundled() {
        assert!(listed.contains(model.name), "{listed}");
        assert!(desk.output(&format!("info {}", model.name)).contains("trained on"));
    }
}

#[test]
fn every_bundled_model_names_and_restores_its_own_samples_and_the_first_is_the_default() {
    for (place, model) in denoscope::network::bundled().iter().enumerate() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples").join(model.name);
        let mut samples: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        samples.sort();
        assert!(samples.len() >= 8, "{}", model.name);
        let analyze = |sigma: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
            command.args(["analyze", "--device", "cpu", "--classes", "1", "--json", "-", "--sigma", sigma]);
            if place > 0 {
                command.args(["--model", model.name]);
            }
            let run = command.args(&samples).assert().success();
            let json: Value = serde_json::from_slice(&run.get_output().stdout).expect("JSON");
            json
        };
        let (nearly_clean, noisy) = (analyze("1/255"), analyze("0.3"));
        for (index, sample) in samples.iter().enumerate() {
            let class = sample.file_stem().unwrap().to_str().unwrap();
            let result = &nearly_clean[index];
            assert_eq!((&result["model"], &result["posterior"][0]["class"]), (&model.name.into(), &class.into()));
            let gain = number(&noisy[index]["psnr_db"]["denoised"]) - number(&noisy[index]["psnr_db"]["noisy"]);
            assert!(gain > 6.0, "{class}: {gain} dB");
        }
    }
}

#[test]
fn the_papers_size_trains_loads_and_analyses() {
    let desk = Desk::new();
    desk.classes(4);
    desk.output(
        "train --data data --out big.safetensors --preset gradresnet18 --steps 2 --batch 4 --holdout 2 --device cpu",
    );
    let description = desk.json("info big.safetensors --json");
    assert_eq!(description["architecture"]["widths"], serde_json::json!([64, 128, 256, 512]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.at("")).args(["analyze", "a.png", "--model", "big.safetensors", "--json", "-"]);
    let json: Value = serde_json::from_slice(&command.assert().success().get_output().stdout).expect("JSON");
    assert_eq!(json[0]["posterior"].as_array().map(Vec::len), Some(3));
    assert!(number(&json[0]["identity_error"]) < 1e-4);
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let desk = Desk::new();
    for command in ["analyze", "denoise", "attack", "certify", "eval", "train", "info", "models", "completions"] {
        let help = desk.output(&format!("{command} --help"));
        assert!(help.contains("Example") && help.contains(&format!("denoscope {command}")), "{help}");
    }
    assert!(desk.output("--help").contains("denoscope analyze photo.jpg"));
    assert!(desk.output("--version").contains(env!("CARGO_PKG_VERSION")));
    for wrong in ["analyze", "attack a.png", "train --data x", "completions tcl", "--nonsense", "info"] {
        desk.refusal(2, wrong);
    }
}

#[test]
fn completions_name_the_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.output(&format!("completions {shell}"));
        assert!(script.contains("analyze") && script.contains("already-noisy"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_denoscope"))
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .current_dir(desk.0.path())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", text(&ended.stderr));
}

#[test]
fn a_device_that_this_build_lacks_is_named_with_its_feature() {
    let desk = Desk::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.0.path()).args(["analyze", "a.png", "--model", "tiny.safetensors", "--device"]);
    if !cfg!(feature = "metal") && !cfg!(target_os = "macos") {
        let said = text(&command.arg("metal").assert().code(1).get_output().stderr);
        assert!(said.lines().count() == 1 && said.contains("--features metal"), "{said}");
    }
    assert!(desk.refusal(2, "analyze a.png --device tpu").contains("--device"));
}

/// Every file in the folder is one that the test made: nothing half-written stays behind.
#[test]
fn a_failure_leaves_no_file_behind() {
    let desk = Desk::new();
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = names(desk.0.path());
    desk.refusal(1, "denoise missing.png --sigma 0.1 -o out.png");
    desk.refusal(2, "denoise a.png --sigma 0.1 --as cow -o out.png");
    desk.refusal(1, "analyze a.png --json nowhere/out.json");
    assert_eq!(names(desk.0.path()), before);
}
