// The tangent of norm.wgsl: with J(ẋ) = rate·(ẋ − mean(ẋ) − x̂·mean(ẋ·x̂)), GELU′(x̂·gain + offset)·gain·J(ẋ).
//
// ẋ may still lie in the slices of a product, which are added here in order, with a residual; the sum is written to `whole`.
// A workgroup has a group of channels of a picture.

struct Params {
    pixels: u32,
    // Values a pixel, padding included; how many of them are channels; channels in a group.
    width: u32,
    channels: u32,
    size: u32,
    // Slices that ẋ lies in, or 0 where it is in `whole`; values from one to the next; whether a residual is added.
    slices: u32,
    stride: u32,
    residual: u32,
    // Where gains begin in a picture's row of the film; offsets follow `width` values later.
    film: u32,
    // Where the norm's statistics begin, and what the tangent adds to them, in pairs.
    stats: u32,
    tangents: u32,
    // As in norm.wgsl; there is one block.
    block: u32,
    blocks: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> added: array<f32>;
@group(0) @binding(3) var<storage, read_write> whole: array<f32>;
@group(0) @binding(4) var<storage, read> point: array<f32>;
@group(0) @binding(5) var<storage, read> film: array<f32>;
// Mean and rate of each picture's groups; further on mean(ẋ·x̂).
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> kept: array<f32>;
@group(0) @binding(8) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(THREADS)
fn tangent(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = id.z * groups() + id.x;
    let known = stats[p.stats + index];
    var sum = vec2<f32>();
    for (var at = span(thread, 0u); at.x < at.z; at = next(at)) {
        let i = place(id.z, id.x, at);
        if (p.slices > 0u) {
            var value = source[i];
            for (var slice = 1u; slice < p.slices; slice++) {
                value += source[slice * p.stride + i];
            }
            if (p.residual == 1u) {
                value += added[i];
            }
            whole[i] = value;
        }
        let t = whole[i];
        sum += vec2<f32>(t, t * (point[i] - known.x) * known.y);
    }
    let means = totals(thread, sum) / f32(p.pixels * p.size);
    if (thread == 0u) {
        stats[p.tangents + index] = vec2<f32>(means.y, 0.0);
    }
    let lifts = bitcast<u32>(film[id.z]) + p.film + id.x * p.size;
    for (var at = span(thread, 0u); at.x < at.z; at = next(at)) {
        let i = place(id.z, id.x, at);
        let x = (point[i] - known.x) * known.y;
        let t = known.y * (whole[i] - means.x - x * means.y);
        let gain = film[lifts + at.y];
        let lifted = fma(x, gain, film[lifts + p.width + at.y]);
        let bell = normal(lifted);
        kept[i] = t;
        result[i] = t * gain * fma(lifted, bell.y, bell.x);
    }
    clear_padding(thread, id.z, id.x, 0u);
}
