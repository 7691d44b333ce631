//! Brackets around the radii of a whole set.

use super::*;

#[test]
fn a_bracket_around_each_radius_has_the_true_one_in_it_and_goes_on_after_a_stop() {
    // As above: the true radii are 0.59, 3.6 and, for a wrong class, 3.6 to the right one.
    let samples = shades(&[("class 0", 0.451), ("class 1", 0.8), ("class 1", 0.2)]);
    let certify = CertifyPlan { sigmas: vec![0.5], attempts: 4, alpha: 0.01, ..CertifyPlan::default() };
    let plan = Plan { certify, ..Plan::default() };
    let at_once = evaluate(&oracle(), &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
    let figures = &at_once.certified[0];
    let truths = [0.049 * 12.0, 0.3 * 12.0, 0.3 * 12.0];
    assert_eq!(figures.brackets.len(), 3);
    for (bracket, truth) in figures.brackets.iter().zip(truths) {
        assert!(bracket.proved > 0.0 && bracket.proved <= truth, "{bracket:?}: {truth}");
        assert!(bracket.attacked.is_some_and(|found| found >= truth && found < truth + 0.5), "{bracket:?}: {truth}");
    }
    assert_eq!(figures.brackets.iter().map(|b| b.right).collect::<Vec<_>>(), [true, true, false]);
    // Half of α proves less than all of it.
    let alone = Plan { certify: CertifyPlan { attempts: 0, ..plan.certify.clone() }, ..plan.clone() };
    let alone = evaluate(&oracle(), &samples, None, &alone, &Cancel::new(), &mut |_| ()).unwrap();
    assert!(alone.certified[0].brackets.is_empty() && alone.certified[0].by_attack.is_empty());
    assert!(alone.certified[0].mean_radius > figures.mean_radius);
    // What is proved is never more than what no attack took.
    assert_eq!(figures.by_attack.len(), figures.by_radius.len());
    let pairs = figures.by_attack.iter().zip(&figures.by_radius);
    assert!(pairs.clone().all(|(attack, proof)| attack.radius == proof.radius && attack.accuracy >= proof.accuracy));
    assert!(pairs.clone().any(|(attack, proof)| attack.accuracy > proof.accuracy), "between both something is open");
    let page = html::page(&at_once).unwrap();
    assert!(page.contains("One bar a picture") && page.contains("smallest attack found") && !page.contains("NaN"));
    assert!(csv::table(&at_once).contains("accuracy_no_attack_found"));

    // Stopped after the first picture, and gone on with.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (cancel, mut done) = (Cancel::new(), 0);
    let stopped =
        evaluate_from(&mut Journal::create(&path).unwrap(), &oracle(), &samples, None, &plan, &cancel, &mut |step| {
            done = step.done;
            if step.done > 0 {
                cancel.raise();
            }
        });
    assert!(matches!(stopped, Err(Error::Cancelled)) && done == 1, "{done}");
    let mut journal = Journal::resume(&path).unwrap();
    let gone_on = evaluate_from(&mut journal, &oracle(), &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!((journal.reused(), &gone_on.certified), (1, &at_once.certified));
}
