//! The engines that join the suite.

use super::super::{Place, TensorLearner, TensorPasses};
use crate::kernels::engine::{Processor, ProcessorLearner};

/// Makes the tests of an engine: of what makes its [`Passes`] or its [`Learner`], which may be off so far, relative to the
/// largest value. Where it may not be there, `unless` says whether it is missing. The networks are those of the first family, or
/// `of` another.
macro_rules! engine_tests {
    ($kind:ident, $name:ident, $new:expr, $tolerance:expr) => {
        engine_tests!($kind, $name, $new, $tolerance, unless false);
    };
    ($kind:ident, $name:ident, $new:expr, $tolerance:expr, of $family:ident) => {
        engine_tests!($kind, $name, $new, $tolerance, unless false, of $family);
    };
    ($kind:ident, $name:ident, $new:expr, $tolerance:expr, unless $missing:expr) => {
        engine_tests!($kind, $name, $new, $tolerance, unless $missing, of Bilinear);
    };
    (passes, $name:ident, $new:expr, $tolerance:expr, unless $missing:expr, of $family:ident) => {
        mod $name {
            use super::*;
            use crate::network::conformance as suite;
            use crate::program::Family;

            #[test]
            fn values_and_scores_are_those_of_the_reference() {
                suite::unless($missing, || suite::goldens(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn values_and_gradients_are_the_truth_for_any_classes_sizes_and_pictures() {
                suite::unless($missing, || suite::truth(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn gradients_are_slopes_of_the_values() {
                suite::unless($missing, || suite::slopes(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn second_derivatives_are_the_truth_along_any_directions() {
                suite::unless($missing, || suite::curvature(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn rows_are_independent_and_linear() {
                suite::unless($missing, || suite::rows(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn the_same_call_gives_the_same_bits() {
                suite::unless($missing, || suite::repeats(&$new, Family::$family));
            }

            #[test]
            fn what_does_not_fit_is_refused_and_what_is_no_number_stays_none() {
                suite::unless($missing, || suite::refusals(&$new, Family::$family));
            }
        }
    };
    (learner, $name:ident, $new:expr, $tolerance:expr, unless $missing:expr, of $family:ident) => {
        mod $name {
            use super::*;
            use crate::network::conformance as suite;
            use crate::program::Family;

            #[test]
            fn losses_and_their_gradients_are_those_of_the_reference() {
                suite::unless($missing, || suite::golden_losses(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn losses_and_their_gradients_are_the_truth_for_any_classes_and_sizes() {
                suite::unless($missing, || suite::true_losses(&$new, $tolerance, Family::$family));
            }

            #[test]
            fn learning_repeats_its_bits_and_refuses_what_does_not_fit() {
                suite::unless($missing, || suite::learning(&$new, Family::$family));
            }
        }
    };
}
pub(crate) use engine_tests;

/// Both families on one engine.
macro_rules! family_tests {
    ($kind:ident, $first:ident, $second:ident, $new:expr, $tolerance:expr) => {
        engine_tests!($kind, $first, $new, $tolerance);
        engine_tests!($kind, $second, $new, $tolerance, of Pooled);
    };
}

family_tests!(
    passes,
    processor,
    processor_pooled,
    |program, weights| Ok(Box::new(Processor::new(program, weights)?)),
    1e-4
);
family_tests!(
    learner,
    processor_learner,
    processor_pooled_learner,
    |program, _| Ok(Box::new(ProcessorLearner::new(program.clone()))),
    1e-4
);
family_tests!(
    passes,
    single_tensors,
    single_tensors_pooled,
    |program, weights| Ok(Box::new(TensorPasses::new(program, weights, &Place::single())?)),
    1e-4
);
family_tests!(
    learner,
    single_tensors_learner,
    single_tensors_pooled_learner,
    |program, weights| Ok(Box::new(TensorLearner::new(program, weights, &Place::single())?)),
    1e-4
);
family_tests!(
    passes,
    double_tensors,
    double_tensors_pooled,
    |program, weights| Ok(Box::new(TensorPasses::new(program, weights, &Place::double())?)),
    1e-6
);
family_tests!(
    learner,
    double_tensors_learner,
    double_tensors_pooled_learner,
    |program, weights| Ok(Box::new(TensorLearner::new(program, weights, &Place::double())?)),
    1e-6
);
