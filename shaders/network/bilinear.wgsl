// The bilinear read-out in training, over pictures whose energies weigh k = σ_d/σ: from (P h, Q h) what its gradient is
// computed of, (γ ⊙ Q h, γ ⊙ P h)·k/√C, and with (P ḣ, Q ḣ) γ's cotangent, k/√C·Σ_pixels P ḣ ⊙ Q h + P h ⊙ Q ḣ.

struct Params {
    pixels: u32,
    // Vectors of P h; Q h has as many.
    vectors: u32,
    // Pixels of all pictures, times vectors.
    count: u32,
    // Where γ begins in a picture's row of the film, and values of such a row.
    film: u32,
    row: u32,
    // 1/√C
    scale: f32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> projected: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> film: array<f32>;
// Two a picture, beginning with k.
@group(0) @binding(3) var<storage, read> facts: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> exchanged: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moved: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> film_cotangents: array<f32>;

@compute @workgroup_size(THREADS)
fn exchange(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * THREADS) {
        let pixel = i / p.vectors;
        let vector = i - pixel * p.vectors;
        let picture = pixel / p.pixels;
        let c = bitcast<u32>(film[picture]) + p.film + vector * 4u;
        let scale = p.scale * facts[2u * picture].x;
        let gamma = scale * vec4<f32>(film[c], film[c + 1u], film[c + 2u], film[c + 3u]);
        let at = pixel * 2u * p.vectors + vector;
        exchanged[at] = gamma * projected[at + p.vectors];
        exchanged[at + p.vectors] = gamma * projected[at];
    }
}

// A workgroup a vector of channels of a picture.
@compute @workgroup_size(THREADS)
fn gamma(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var sum = vec4<f32>();
    for (var pixel = thread; pixel < p.pixels; pixel += THREADS) {
        let at = (id.z * p.pixels + pixel) * 2u * p.vectors + id.x;
        sum += moved[at] * projected[at + p.vectors] + projected[at] * moved[at + p.vectors];
    }
    let low = totals(thread, sum.xy);
    let high = totals(thread, sum.zw);
    if (thread == 0u) {
        let value = p.scale * facts[2u * id.z].x * vec4<f32>(low, high);
        let at = id.z * p.row + p.film + id.x * 4u;
        film_cotangents[at] = value.x;
        film_cotangents[at + 1u] = value.y;
        film_cotangents[at + 2u] = value.z;
        film_cotangents[at + 3u] = value.w;
    }
}
