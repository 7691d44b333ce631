//! `denoscope eval`.

use std::fs;

use denoscope::picture::{Picture, Shape, save};
use serde_json::Value;

#[cfg(unix)]
use super::interrupt_once_begun;
use super::{Desk, number, text};

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
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 15);
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
    let said = interrupt_once_begun(child, &state);
    assert!(said.contains("out.json.unfinished keeps") && said.contains("--resume goes on"), "{said}");
    assert!(state.exists() && !desk.at("out.json").exists());
    assert!(desk.refusal(1, &format!("{line} --json out.json")).contains("--resume goes on"));
    // The notes on the data are not said before the journal is taken.
    let other = desk.refusal(1, &format!("{line} --seed 5 --json out.json --resume"));
    assert!(other.contains("nothing of this evaluation"), "{other}");
    desk.run(&format!("{line} --json out.json --resume")).success();
    assert!(!state.exists(), "it has done its duty");
    let resumed: Value = serde_json::from_slice(&fs::read(desk.at("out.json")).expect("the report")).expect("JSON");
    assert_eq!(resumed, desk.json(&format!("{line} --json -")));
}

#[test]
fn a_level_that_the_model_was_not_told_is_marked() {
    let desk = Desk::new();
    desk.classes(1);
    let said = desk.output("eval --data data --sigmas 1/255,0.1 --html page.html");
    let page = fs::read_to_string(desk.at("page.html")).expect("a page");
    for text in [&said, &page] {
        let (told, other) = (text.contains("0.1 (25.5/255)"), text.contains("0.1 (25.5/255)*"));
        assert!(told && !other && text.contains("0.00392 (1/255)*"), "{text}");
        assert!(text.contains("A σ with * lies outside of the model's trained range"), "{text}");
    }
    assert!(!desk.output("eval --data data --sigmas 0.1").contains('*'));
}
