//! Undo and redo by copies of the document.

use super::document::Document;

/// How many steps back one can go.
const MOST: usize = 200;

/// The documents before and after this one.
#[derive(Debug, Default)]
pub struct History {
    past: Vec<Document>,
    future: Vec<Document>,
    /// The document before a change that is still going on: a drag of a slider is one step.
    pending: Option<Document>,
    /// The last change was an undo or a redo, which is no change of its own.
    moved: bool,
}

impl History {
    /// Notes that the document changed from `before`. While `ongoing` (the pointer is down), changes gather.
    pub fn record(&mut self, before: Document, ongoing: bool) {
        self.future.clear();
        let first = self.pending.take().unwrap_or(before);
        if ongoing {
            self.pending = Some(first);
        } else {
            self.keep(first);
        }
    }

    /// Ends an ongoing change, if one is.
    pub fn settle(&mut self) {
        if let Some(first) = self.pending.take() {
            self.keep(first);
        }
    }

    fn keep(&mut self, document: Document) {
        self.past.push(document);
        if self.past.len() > MOST {
            self.past.remove(0);
        }
    }

    /// One step back from `now`, if there is one.
    pub fn undo(&mut self, now: &Document) -> Option<Document> {
        self.settle();
        let before = self.past.pop()?;
        self.future.push(now.clone());
        self.moved = true;
        Some(before)
    }

    /// One step forth from `now`, if there is one.
    pub fn redo(&mut self, now: &Document) -> Option<Document> {
        let after = self.future.pop()?;
        self.past.push(now.clone());
        self.moved = true;
        Some(after)
    }

    /// Whether the document changed by undo or redo since this was asked last.
    pub fn took_over(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether there is a step back.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty() || self.pending.is_some()
    }

    /// Whether there is a step forth.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_seed(seed: u64) -> Document {
        let mut document = Document::default();
        document.noise.seed = seed;
        document
    }

    #[test]
    fn a_drag_is_one_step_and_redo_comes_back() {
        let mut history = History::default();
        history.record(with_seed(0), true);
        history.record(with_seed(1), true);
        history.settle();
        let back = history.undo(&with_seed(2)).unwrap();
        assert_eq!(back, with_seed(0));
        assert!(!history.can_undo());
        assert_eq!(history.redo(&back).unwrap(), with_seed(2));
    }

    #[test]
    fn a_new_change_forgets_what_was_undone() {
        let mut history = History::default();
        history.record(with_seed(0), false);
        history.undo(&with_seed(1));
        history.record(with_seed(0), false);
        assert!(!history.can_redo());
    }
}
