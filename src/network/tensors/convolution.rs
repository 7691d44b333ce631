//! Bias-free convolution, its input gradient and its weight gradient, each differentiable through the others.
//!
//! candle's own reverse pass takes the input gradient by `conv_transpose2d`, which is slow everywhere. Here the
//! input gradient is itself a convolution with the reversed, transposed kernel, over a gradient spread out by the
//! stride; the three operations are each other's derivatives, so an explicit pullback can be differentiated again.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp3, Layout, MetalStorage, Result, Shape, Tensor};

/// A convolution layer: kernel 3×3 or 4×4, stride 1 or 2, output sizes `ceil(size / stride)`.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    /// `[out, in, k, k]`
    weight: Tensor,
    /// The positions of a kernel in reverse, `[k·k]`: kept on the device, so that no call uploads it.
    reversal: Tensor,
    stride: usize,
}

impl Convolution {
    pub(super) fn new(weight: Tensor, stride: usize) -> Result<Self> {
        let area = weight.dim(2)? * weight.dim(3)?;
        let reversal = Tensor::from_iter((0..area as u32).rev(), weight.device())?;
        Ok(Self { weight, reversal, stride })
    }

    /// `[N, in, H, W]` → `[N, out, ⌈H/stride⌉, ⌈W/stride⌉]`
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let this = self.detached();
        let y = this.apply(&x.detach())?;
        graft(x, &self.weight, y, move |x, _, g| Ok((this.input_gradient(g, size(x)?)?, this.weight_gradient(x, g)?)))
    }

    /// The vector–Jacobian product: `[N, out, ⌈H/stride⌉, ⌈W/stride⌉]` → `[N, in, H, W]` for `size` (H, W).
    pub(super) fn pullback(&self, g: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        let this = self.detached();
        let x = this.input_gradient(&g.detach(), size)?;
        graft(g, &self.weight, x, move |g, _, x| Ok((this.apply(x)?, this.weight_gradient(x, g)?)))
    }

    fn detached(&self) -> Self {
        Self { weight: self.weight.detach(), ..self.clone() }
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        self.padded(x)?.conv2d(&self.weight, 1, self.stride, 1, 1)
    }

    /// `x` with the one more row and column that a 4×4 kernel needs to reach the end of an odd size.
    fn padded(&self, x: &Tensor) -> Result<Tensor> {
        let (h, w) = size(x)?;
        let more = |size: usize| if self.kernel() == 4 { size % 2 } else { 0 };
        x.pad_with_zeros(2, 0, more(h))?.pad_with_zeros(3, 0, more(w))
    }

    fn kernel(&self) -> usize {
        self.weight.dims()[2]
    }

    fn input_gradient(&self, g: &Tensor, (h, w): (usize, usize)) -> Result<Tensor> {
        let (out, input, k, _) = self.weight.dims4()?;
        let kernel = self.weight.reshape((out, input, k * k))?.index_select(&self.reversal, 2)?;
        let kernel = kernel.reshape((out, input, k, k))?.transpose(0, 1)?.contiguous()?;
        let spread = spread(g, self.stride)?;
        // Output i reads spread-out positions i − (k − 2) to i + 1.
        let (gh, gw) = size(&spread)?;
        let spread = pad_to(&spread, 2, k - 2, h + 1 - gh)?;
        let spread = pad_to(&spread, 3, k - 2, w + 1 - gw)?;
        spread.conv2d(&kernel, 0, 1, 1, 1)
    }

    /// `Σ_n x ⋆ g`: a convolution in which pictures and channels change places.
    fn weight_gradient(&self, x: &Tensor, g: &Tensor) -> Result<Tensor> {
        let k = self.kernel();
        let x = self.padded(x)?.transpose(0, 1)?.contiguous()?;
        let g = g.transpose(0, 1)?.contiguous()?;
        let gradient = x.conv2d(&g, 1, 1, self.stride, 1)?;
        gradient.narrow(2, 0, k)?.narrow(3, 0, k)?.transpose(0, 1)?.contiguous()
    }
}

fn size(x: &Tensor) -> Result<(usize, usize)> {
    let (_, _, h, w) = x.dims4()?;
    Ok((h, w))
}

/// Puts `stride − 1` zeros after every row and column.
pub(super) fn spread(g: &Tensor, stride: usize) -> Result<Tensor> {
    if stride == 1 {
        return Ok(g.clone());
    }
    let (n, c, h, w) = g.dims4()?;
    let g = g.reshape((n * c, h, 1, w, 1))?.pad_with_zeros(2, 0, stride - 1)?.pad_with_zeros(4, 0, stride - 1)?;
    g.reshape((n, c, h * stride, w * stride))
}

fn pad_to(x: &Tensor, dim: usize, before: usize, after: usize) -> Result<Tensor> {
    if before == 0 && after == 0 { Ok(x.clone()) } else { x.pad_with_zeros(dim, before, after) }
}

/// `result`, computed outside the graph from `a` and `b`, joined to the graph with a reverse pass of its own.
///
/// `reverse` gets a, b and the result's gradient, and gives theirs.
fn graft<F>(a: &Tensor, b: &Tensor, result: Tensor, reverse: F) -> Result<Tensor>
where
    F: Fn(&Tensor, &Tensor, &Tensor) -> Result<(Tensor, Tensor)> + Send + Sync + 'static,
{
    if !a.track_op() && !b.track_op() {
        return Ok(result);
    }
    a.apply_op3(b, &result, Graft(reverse))
}

struct Graft<F>(F);

impl<F> CustomOp3 for Graft<F>
where
    F: Fn(&Tensor, &Tensor, &Tensor) -> Result<(Tensor, Tensor)>,
{
    fn name(&self) -> &'static str {
        "graft"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        result: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((result.try_clone(layout)?, layout.shape().clone()))
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        result: &CudaStorage,
        layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Ok((result.try_clone(layout)?, layout.shape().clone()))
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        result: &MetalStorage,
        layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        Ok((result.try_clone(layout)?, layout.shape().clone()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (a, b) = (self.0)(&a.detach(), &b.detach(), &gradient.contiguous()?)?;
        Ok((Some(a), Some(b), None))
    }
}
