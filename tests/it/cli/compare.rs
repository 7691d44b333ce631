//! `denoscope compare`.

use std::fs;

use denoscope::network::{Architecture, Checkpoint, Description, Storage};
use denoscope::picture::Shape;

use super::{Desk, number};

/// A desk with a data set, and with a second model of the same classes.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.classes(3);
    let classes = ["cat", "dog", "3"].map(str::to_owned).to_vec();
    let architecture = Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
    let description = Description::new("other", classes, Shape::new(1, 16, 16), architecture);
    let checkpoint = Checkpoint::untrained(description, 5).expect("a sound description");
    checkpoint.write(desk.at("other.safetensors"), Storage::default()).expect("a model file");
    desk
}

#[test]
fn a_model_is_no_better_than_itself_and_its_figures_are_those_of_eval() {
    let desk = desk();
    let options = "--data data --sigmas 0.2 --attacks fgsm --device cpu --json -";
    let json = desk.json(&format!("compare --model tiny.safetensors --with tiny.safetensors {options}"));
    let level = &json["by_sigma"][0];
    assert_eq!((&level["classification"]["only_a"], &level["classification"]["only_b"]), (&0.into(), &0.into()));
    assert_eq!((number(&level["classification"]["p_value"]), number(&level["psnr_db"]["difference"])), (1.0, 0.0));
    assert!(level["disputed"].as_array().expect("a list").is_empty());
    let json = desk.json(&format!("compare --model tiny.safetensors --with other.safetensors {options}"));
    let alone = desk.json("eval --data data --sigmas 0.2 --attacks fgsm --json -");
    let (level, eval) = (&json["by_sigma"][0], &alone["by_sigma"][0]);
    assert_eq!(level["classification"]["accuracy"][0], eval["accuracy"]);
    assert!((number(&level["psnr_db"]["mean"][0]) - number(&eval["psnr_db"]["denoised"])).abs() < 1e-6);
    assert_eq!(json["robust"][0]["accuracy"][0][0], alone["robust"][0]["accuracy"]);
    assert_eq!(json["models"][1]["name"], "other");
}

#[test]
fn a_comparison_is_printed_and_written_and_refused_before_the_work() {
    let desk = desk();
    let line = "compare --model tiny.safetensors --with other.safetensors --data data --sigmas 0.2 --attacks fgsm --device cpu";
    let said = desk.output(&format!("{line} --html page.html"));
    for words in ["A  tiny on cpu", "B  other on cpu", "9 pictures of data", "Who is right", "made for", "McNemar"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let page = fs::read_to_string(desk.at("page.html")).expect("a page");
    assert!(page.contains("tiny and other on data") && page.contains("PSNR of A less that of B"));
    assert!(desk.refusal(1, &format!("{line} --html page.html")).contains("--force"));
    assert!(desk.refusal(2, &format!("{line} --html other.safetensors --force")).contains("read by this command"));
    let other = line.replace("other.safetensors", "digits");
    assert!(desk.refusal(2, &other).contains("--with: takes"), "another shape");
    assert!(desk.refusal(2, &line.replace("fgsm", "fgsm:linf:nan")).contains("--attacks"));
    assert!(desk.refusal(1, &line.replace("other.safetensors", "none.safetensors")).contains("none.safetensors"));
}
