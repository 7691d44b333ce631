//! The optimiser's long vectors: on the processor updated in place by all threads, elsewhere by the device's operations.

use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Result, Storage, Tensor};
use rayon::prelude::*;

/// Values that one thread takes at a time: sums over such runs do not depend on the number of threads.
const RUN: usize = 1 << 16;

/// `y ← a·y + b·x`, for tensors of one shape. On the processor y is changed where it lies, so it must not share its memory
/// with a tensor that is still needed.
///
/// # Errors
/// If the device fails.
pub(super) fn blend(y: &mut Tensor, a: f64, x: &Tensor, b: f64) -> Result<()> {
    if y.device().is_cpu() && y.dtype() == DType::F32 {
        return y.inplace_op2(&x.contiguous()?, &Blend { a: a as f32, b: b as f32 });
    }
    *y = (y.affine(a, 0.0)? + x.affine(b, 0.0)?)?;
    Ok(())
}

struct Blend {
    a: f32,
    b: f32,
}

impl InplaceOp2 for Blend {
    fn name(&self) -> &'static str {
        "blend"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, ly: &Layout, x: &CpuStorage, lx: &Layout) -> Result<()> {
        let (CpuStorage::F32(y), CpuStorage::F32(x)) = (y, x) else { candle_core::bail!("blend takes f32") };
        let (Some((y0, y1)), Some((x0, x1))) = (ly.contiguous_offsets(), lx.contiguous_offsets()) else {
            candle_core::bail!("blend takes dense tensors")
        };
        let (y, x) = (&mut y[y0..y1], &x[x0..x1]);
        y.par_chunks_mut(RUN).zip(x.par_chunks(RUN)).for_each(|(y, x)| {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = self.a * *y + self.b * x);
        });
        Ok(())
    }
}

/// The sum of squares, as a scalar on the device.
///
/// # Errors
/// If the device fails.
pub(super) fn sum_of_squares(x: &Tensor) -> Result<Tensor> {
    let dense = x.contiguous()?;
    let (storage, layout) = dense.storage_and_layout();
    if let Storage::Cpu(CpuStorage::F32(values)) = &*storage {
        let (start, end) = layout.contiguous_offsets().unwrap_or_default();
        let square = |run: &[f32]| run.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        let sums: Vec<f64> = values[start..end].par_chunks(RUN).map(square).collect();
        return Tensor::new(sums.iter().sum::<f64>() as f32, x.device());
    }
    drop(storage);
    dense.sqr()?.sum_all()
}
