//! Two models side by side: whether they can be compared, and which of their classes are the same.

use super::JointModel;
use crate::{Error, Result};

/// How two models' classes go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// For each of A's classes B's; none where one of the models tells no classes apart.
    pub classes: Option<Vec<usize>>,
    /// What a person must know about it.
    pub note: Option<String>,
}

impl Pairing {
    /// Of `models`, A and B. Classes are matched by name whatever their order, or by number where no name agrees, which is said.
    ///
    /// # Errors
    /// [`Error::Option`] naming `--with`, if they take pictures of different shapes or know different classes.
    pub fn of(models: [&dyn JointModel; 2]) -> Result<Self> {
        let shapes = models.map(JointModel::shape);
        if shapes[0] != shapes[1] {
            let reason = format!(
                "takes {} pictures and --model {}: two models of one shape can be compared",
                shapes[1], shapes[0]
            );
            return Err(Error::option("--with", reason));
        }
        let [a, b] = models.map(JointModel::classes);
        if a.len() < 2 || b.len() < 2 {
            return Ok(Self { classes: None, note: None });
        }
        let of = |name: &String| b.iter().position(|other| other.eq_ignore_ascii_case(name));
        let found: Vec<Option<usize>> = a.iter().map(of).collect();
        if a.len() == b.len() {
            if let Some(all) = found.iter().copied().collect::<Option<Vec<_>>>() {
                return Ok(Self { classes: Some(all), note: None });
            }
            if found.iter().all(Option::is_none) {
                let note = "no class of B is called as one of A, so they were matched by number".to_owned();
                return Ok(Self { classes: Some((0..a.len()).collect()), note: Some(note) });
            }
        }
        let reason = format!("has other classes than --model: {} and {}", short(b), short(a));
        Err(Error::option("--with", reason))
    }

    /// B's class for one of A's.
    #[must_use]
    pub fn in_b(&self, class: usize) -> usize {
        self.classes.as_ref().map_or(class, |classes| classes[class])
    }

    /// A's class for one of B's.
    #[must_use]
    pub fn in_a(&self, class: usize) -> usize {
        let found = self.classes.as_ref().and_then(|classes| classes.iter().position(|other| *other == class));
        found.unwrap_or(class)
    }

    /// B's values by class, `[K]`, in the order of A's classes.
    #[must_use]
    pub fn reordered(&self, values: &[f64]) -> Vec<f64> {
        (0..values.len()).map(|class| values[self.in_b(class)]).collect()
    }
}

fn short(names: &[String]) -> String {
    let more = if names.len() > 4 { ", …" } else { "" };
    format!("{} ({}{more})", names.len(), names.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;
    use crate::picture::Shape;

    fn named(names: &[&str]) -> GaussianMixture {
        GaussianMixture::new(Shape::new(1, 2, 2), names.len()).named(names)
    }

    #[test]
    fn classes_are_matched_by_name_then_by_number_and_else_refused() {
        let (a, b) = (named(&["cat", "dog", "frog"]), named(&["Frog", "Cat", "Dog"]));
        let pairing = Pairing::of([&a, &b]).unwrap();
        assert_eq!((pairing.classes.as_deref(), &pairing.note), (Some(&[1, 2, 0][..]), &None));
        assert_eq!((pairing.in_b(0), pairing.in_a(0)), (1, 2));
        assert_eq!(pairing.reordered(&[0.3, 0.1, 0.2]), [0.1, 0.2, 0.3]);
        let pairing = Pairing::of([&a, &named(&["class 0", "class 1", "class 2"])]).unwrap();
        assert!(pairing.note.unwrap().contains("by number") && pairing.classes == Some(vec![0, 1, 2]));
        for other in [&["cat", "dog", "ship"][..], &["cat", "dog"]] {
            let words = Pairing::of([&a, &named(other)]).unwrap_err().to_string();
            assert!(words.starts_with("--with: has other classes than --model: "), "{words}");
        }
        assert_eq!(Pairing::of([&a, &named(&["any"])]).unwrap().classes, None);
        let words = Pairing::of([&a, &GaussianMixture::new(Shape::new(1, 2, 3), 3)]).unwrap_err().to_string();
        assert!(words.contains("two models of one shape"), "{words}");
    }
}
