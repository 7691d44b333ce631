//! Models that live in Python: a script's own code in `PyTorch`, JAX or `NumPy` as a joint model.
//!
//! The person's Python is started with the files of `python/`, which this program carries, and asked over its standard streams: a frame is a
//! JSON header and numbers as they lie in memory. Nothing is pickled, no port is opened. The script says what it has:
//! `log_joint(y, sigma)`, `logits(x)`, `denoise(y, sigma)` or the last two together; its gradients come from automatic differentiation there.
//! `docs/bring-your-own.md` is the person's side of it.

mod abilities;
mod frame;
mod model;
mod process;
mod source;
#[cfg(test)]
mod tests;

pub use model::PythonModel;
pub use process::Listener;
pub use source::ScriptSource;
