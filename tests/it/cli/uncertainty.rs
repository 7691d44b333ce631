//! The lab: `denoscope uncertainty`, `evidence`, `sample` and `audit`.

use denoscope::picture::{Picture, Shape, load, save};

use super::{Desk, number};

#[test]
fn doubt_is_told_as_json_and_drawn_and_both_kinds_add_up() {
    let desk = Desk::new();
    let line =
        "uncertainty a.png b.png --sigma 0.3 --seed 3 --components 2 --region 4,4,6,6 --filter 3,9 --as dog --json -";
    let json = desk.json(&format!("{line} --sheet sheets/"));
    for (index, sheet) in ["a.png", "b.png"].into_iter().enumerate() {
        let found = &json[index];
        let variance = &found["variance"];
        let sum = number(&variance["classes"]) + number(&variance["details"]);
        assert!((sum - number(&variance["total"])).abs() < 1e-12 && sum > 0.0);
        assert!(number(&found["identity_error"]) < 1e-4 && found["products"] == "exact" && found["probes"].is_null());
        assert!(number(&found["trace"]["value"]) < 256.0 && found["values"] == 256);
        assert_eq!((&found["components"]["class"], &found["filter"]["y"]), (&"dog".into(), &9.into()));
        assert_eq!(found["components"]["list"].as_array().expect("a list").len(), 2);
        assert_eq!(found["variance_by_pixel"]["classes"].as_array().expect("a list").len(), 16);
        assert!(desk.at("sheets").join(sheet).is_file());
    }
    let again = desk.json(line);
    assert_eq!(again[0]["variance"], json[0]["variance"], "the same seed gives the same figures");
    let probed = desk.json("uncertainty a.png --sigma 0.3 --seed 3 --probes 64 --json -");
    let (trace, error) = (&probed[0]["trace"], number(&probed[0]["trace"]["standard_error"]));
    assert!(error > 0.0 && (number(&trace["value"]) - number(&json[0]["trace"]["value"])).abs() < 5.0 * error);
    assert!(desk.output("uncertainty a.png").contains("which details?"));
}

#[test]
fn what_is_no_question_about_doubt_is_refused_by_its_option() {
    let desk = Desk::new();
    for (options, name) in [
        ("--probes 1", "--probes"),
        ("--components 17", "--components"),
        ("--components 2 --region 10,10,7,7", "--region"),
        ("--region 1,1,2,2", "--components"),
        ("--filter 16,0", "--filter"),
        ("--filter 1", "--filter"),
        ("--as cow", "--as"),
    ] {
        assert!(desk.refusal(2, &format!("uncertainty a.png {options}")).contains(name), "{options}");
    }
}

#[test]
fn an_audit_gives_every_level_a_health_and_a_sheet() {
    let desk = Desk::new();
    let json = desk.json("audit a.png b.png --sigmas 0.05,0.3 --draws 2 --probes 8 --sheet audit.png --json -");
    let levels = json["levels"].as_array().expect("a list");
    assert_eq!((levels.len(), &json["pictures"]), (2, &2.into()));
    for level in levels {
        let residuals = level["residuals"].as_object().expect("an object");
        assert_eq!(residuals.len(), 7);
        // The network is a gradient by its making, trained or not.
        for id in ["mixture", "derivative", "symmetry"] {
            assert!(number(&residuals[id]["value"]) <= number(&residuals[id]["limit"]), "{id}: {residuals:?}");
        }
        assert!(number(&level["health"]) >= 0.0 && level["samples"] == 4);
    }
    assert!(desk.at("audit.png").is_file());
    assert!(desk.output("audit a.png --sigmas 0.1 --draws 2 --probes 4").contains("health"));
    assert!(desk.refusal(2, "audit a.png --draws 1").contains("--draws"));
    assert!(desk.refusal(2, "audit a.png --sigmas 0").contains("--sigmas"));
}

#[test]
fn evidence_is_in_bits_by_both_roads_and_adds_up_over_the_picture() {
    let desk = Desk::new();
    let line = "evidence a.png --classes cat,3 --levels 12 --draws 3 --from 0.05 --to 0.9 --seed 5";
    let json = desk.json(&format!("{line} --json - --sheet evidence.png"));
    let classes = json[0]["classes"].as_array().expect("a list");
    assert_eq!(classes.iter().map(|c| c["class"].as_str().expect("a name")).collect::<Vec<_>>(), ["cat", "3"]);
    for class in classes {
        let value = |road: &str| number(&class[road]["value"]);
        assert!((value("denoisers") - value("softmax") - value("gap")).abs() < 1e-9);
        let rows = class["by_pixel"].as_array().expect("rows");
        let sum: f64 = rows.iter().flat_map(|row| row.as_array().expect("a row")).map(number).sum();
        assert!((sum - value("denoisers")).abs() < 1e-3 * (1.0 + sum.abs()), "{sum}");
        assert_eq!(class["softmax_from_above"].as_array().expect("a list").len(), 12);
    }
    assert!(desk.at("evidence.png").is_file());
    assert_eq!(desk.json(&format!("{line} --json -")), json);
    for (options, name) in [("--levels 1", "--levels"), ("--from 0.5 --to 0.1", "--to"), ("--classes cow", "--classes")]
    {
        assert!(desk.refusal(2, &format!("evidence a.png {options}")).contains(name), "{options}");
    }
}

#[test]
fn pictures_are_drawn_out_of_nothing_and_from_a_posterior() {
    let desk = Desk::new();
    let line = "sample --count 5 --steps 4 --as dog --guidance 2 --seed 3";
    let json = desk.json(&format!("{line} --json - --sheet drawn.png -o drawn"));
    assert_eq!((json["class"].as_str(), json["classes"].as_array().map(Vec::len)), (Some("dog"), Some(5)));
    assert!(json["posterior"].is_null() && desk.at("drawn.png").is_file() && desk.at("drawn/4.png").is_file());
    assert_eq!(desk.json(&format!("{line} --json -")), json, "the same seed draws the same");
    let json = desk.json("sample a.png --sigma 0.4 --count 6 --steps 5 --json - --sheet restored.png");
    let counts = json["counts"].as_array().expect("a list");
    assert!((counts.iter().map(|c| number(&c["count"])).sum::<f64>() - 6.0).abs() < 1e-9);
    assert_eq!(json["posterior"].as_array().expect("a list").len(), 3);
    assert!(json["churn"].is_null() && desk.at("restored.png").is_file());
    for (options, name) in [
        ("--count 0", "--count"),
        ("--steps 1", "--steps"),
        ("--guidance 2", "--as"),
        ("--to 3", "--to"),
        ("--as cow", "--as"),
    ] {
        assert!(desk.refusal(2, &format!("sample {options}")).contains(name), "{options}");
    }
}

#[test]
fn pictures_are_drawn_by_the_ascent_and_corrected_by_langevin_steps() {
    let desk = Desk::new();
    let json = desk.json("sample --count 3 --steps 5 --corrections 2 --frames 4 --json - --sheet drawn.png");
    assert!(json["method"] == "heun" && (0.0..=1.0).contains(&number(&json["acceptance"])), "{json}");
    let json = desk.json("sample a.png --count 3 --steps 5 --corrections 2 --json -");
    assert!(json["method"] == "ancestral" && json["corrections"] == 2 && json["churn"].is_null());
    let said = desk.refusal(2, "sample --method ascent --corrections 2");
    assert!(said.contains("--corrections"), "{said}");
    for (options, name) in [("--beta 0.5", "--beta"), ("--frames 3", "--sheet"), ("--method walk", "--method")] {
        assert!(desk.refusal(2, &format!("sample {options}")).contains(name), "{options}");
    }
}

#[test]
fn what_is_missing_is_filled_in_and_the_rest_is_kept() {
    let desk = Desk::new();
    let line = "inpaint a.png --hole 4,5,6,6 --count 3 --steps 5 --corrections 2 --seed 7";
    let json = desk.json(&format!("{line} --json - --sheet fills.png --frames 3 -o filled"));
    let found = &json[0];
    let fills = found["fills"].as_array().expect("a list");
    assert_eq!((fills.len(), &found["free"], &found["method"]), (3, &36.into(), &"annealed".into()));
    assert!(number(&fills[0]["bits"]).abs() < 1e-9 && number(&fills[2]["bits"]) <= number(&fills[1]["bits"]));
    assert!(number(&found["deviation"]) > 0.0 && (0.0..=1.0).contains(&number(&found["acceptance"])));
    let rows = found["deviation_by_pixel"].as_array().expect("rows");
    for (y, row) in rows.iter().enumerate() {
        for (x, deviation) in row.as_array().expect("a row").iter().enumerate() {
            assert_eq!(number(deviation) > 0.0, (4..10).contains(&x) && (5..11).contains(&y), "{x}, {y}");
        }
    }
    let read = |name: &str| load(desk.at(name)).expect("a picture").picture;
    let (before, after) = (read("a.png"), read("filled/a-1.png"));
    for (at, (a, b)) in before.values().iter().zip(after.values()).enumerate() {
        let inside = (4..10).contains(&(at % 16)) && (5..11).contains(&(at / 16 % 16));
        assert!(inside || (a - b).abs() < 1e-6, "{at}");
    }
    assert!(desk.at("fills.png").is_file());
    assert_eq!(desk.json(&format!("{line} --json -")), json, "the same seed fills the same");
    for known in
        ["--random 0.4", "--coarse 4", "--hole 0,0,8,16 --as dog --guidance 2 --method ascent --beta 1 --to 0.2"]
    {
        let json = desk.json(&format!("inpaint a.png {known} --count 2 --steps 4 --json -"));
        assert_eq!(json[0]["fills"].as_array().map(Vec::len), Some(2), "{known}");
    }
}

#[test]
fn a_hole_is_filled_at_a_pictures_own_size_and_a_picture_is_enlarged() {
    let desk = Desk::new();
    let hole: Vec<f32> =
        (0..40 * 70).map(|at| if (20..30).contains(&(at % 70)) && at / 70 < 9 { 1.0 } else { 0.0 }).collect();
    save(desk.at("mask.png"), &Picture::new(Shape::new(1, 40, 70), hole), true).expect("a picture");
    let json = desk.json("inpaint b.png --native --mask mask.png --count 2 --steps 3 -o own --json -");
    assert_eq!((&json[0]["free"], &json[0]["window"]["height"]), (&90.into(), &40.into()));
    let shape = load(desk.at("own/b-0.png")).expect("a picture").picture.shape();
    assert_eq!((shape.height, shape.width), (40, 70));
    let json = desk.json("inpaint a.png --native --enlarge 2 --count 1 --steps 3 -o large --json -");
    assert!(json[0]["mean_psnr_db"].is_null() && json[0]["free"] == 768);
    let large = load(desk.at("large/a-0.png")).expect("a picture").picture;
    assert_eq!(large.shape().height, 32);
    for (options, name) in [
        ("--hole 10,10,7,7", "--hole"),
        ("--hole 1,1,2,2 --random 0.5", "--random"),
        ("", "--hole"),
        ("--coarse 3", "--coarse"),
        ("--enlarge 2", "--native"),
        ("--mask b.png", "--mask"),
        ("--hole 1,1,2,2 --as cow", "--as"),
        ("--hole 1,1,2,2 --beta 0.5", "--beta"),
    ] {
        assert!(desk.refusal(2, &format!("inpaint a.png {options}")).contains(name), "{options}");
    }
}
