// The bilinear read-out: from (P h, Q h), which may lie in slices, the energy Σ γ·P h·Q h/√C of a block of pixels, and what its
// gradient is computed from, (γ ⊙ Q h, γ ⊙ P h)/√C.

struct Params {
    pixels: u32,
    // Vectors of P h; Q h has as many.
    vectors: u32,
    slices: u32,
    stride: u32,
    // Where γ begins in a picture's row of the film.
    film: u32,
    // 1/√C
    scale: f32,
    // Pixels a block; a picture's energies of all stages, and where this stage's begin.
    block: u32,
    energies: u32,
    energy: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> film: array<f32>;
@group(0) @binding(4) var<storage, read_write> energy: array<f32>;

fn product(i: u32) -> vec4<f32> {
    var sum = source[i];
    for (var slice = 1u; slice < p.slices; slice++) {
        sum += source[slice * p.stride + i];
    }
    return sum;
}

@compute @workgroup_size(THREADS)
fn exchange(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let picture = id.z;
    let first = id.x * p.block;
    let count = min(p.block, p.pixels - first) * p.vectors;
    let row = bitcast<u32>(film[picture]) + p.film;
    var sum = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        let pixel = i / p.vectors;
        let vector = i - pixel * p.vectors;
        let at = (picture * p.pixels + first + pixel) * 2u * p.vectors + vector;
        let c = row + vector * 4u;
        let gamma = p.scale * vec4<f32>(film[c], film[c + 1u], film[c + 2u], film[c + 3u]);
        let left = gamma * product(at);
        let right = product(at + p.vectors);
        result[at] = gamma * right;
        result[at + p.vectors] = left;
        sum += dot(left, right);
    }
    let whole = total(thread, sum);
    if (thread == 0u) {
        energy[picture * p.energies + p.energy + id.x] = whole;
    }
}
