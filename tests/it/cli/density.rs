//! `denoscope density`.

use super::{Desk, number};

#[test]
fn bits_and_noise_are_told_as_json_and_drawn() {
    let desk = Desk::new();
    let line = "density a.png b.png --levels 8 --sigma 0.2 --seed 3 --json -";
    let json = desk.json(&format!("{line} --sheet sheets/"));
    assert_eq!((&json["pictures"], json["constants"].as_array().map(Vec::len)), (&2.into(), Some(8)));
    let mut bits = 0.0;
    for (index, name) in ["a.png", "b.png"].into_iter().enumerate() {
        let image = &json["images"][index];
        let found = &image["bits"];
        let own = number(&found["per_value"]["value"]);
        let parts = ["coarse", "denoiser", "values"].map(|part| number(&found[part]));
        assert!((parts.iter().sum::<f64>() - own).abs() < 1e-9 && parts.iter().all(|part| *part > 0.0), "{found}");
        assert!(number(&found["per_value"]["standard_error"]) > 0.0 && number(&json["bits"][index]).eq(&own));
        bits += own / 2.0;
        let noise = &image["noise"];
        let total: f64 = noise["joint"]
            .as_array()
            .expect("rows")
            .iter()
            .flat_map(|row| row.as_array().expect("a row"))
            .map(number)
            .sum();
        assert!((total - 1.0).abs() < 1e-6 && number(&noise["sigma"]) > 0.0);
        assert!((number(&noise["sigma_added"]) - 0.2).abs() < 1e-6);
        assert!(desk.at("sheets").join(name).is_file());
    }
    assert!((bits - number(&json["bits_per_value"]["value"])).abs() < 1e-9);
    assert_eq!(desk.json(line)["constants"], json["constants"], "the same seed gives the same figures");
    assert!(desk.output("density a.png b.png --levels 4").contains("of the others"));
    for (options, name) in [
        ("--levels 3", "--levels"),
        ("--draws 1", "--draws"),
        ("--sigma 0", "--sigma"),
        ("--limit 0 --among a.png", "--limit"),
        ("--limit 4", "--among"),
        ("--already-noisy", "--among"),
    ] {
        assert!(desk.refusal(2, &format!("density a.png {options}")).contains(name), "{options}");
    }
}
