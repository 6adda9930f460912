"""The rasteriser's programs, GLSL 3.30: geometry first, light afterwards.

A software rasteriser pays for a fragment program once a triangle and block of pixels, and a
head's triangles are tiny; so they only write what they are, and one pass over the screen
shades it.

Everything on the skin (brows, stubble, marks, injuries) is drawn per fragment in the
coordinates of the average head, so that it stays sharp and in place on every face.
"""

VERTEX = """#version 330
in vec3 p; in vec3 n; in vec3 q; in vec4 c; in vec3 e;
uniform vec4 frame;
out vec3 vn; out vec3 vp; out vec3 vq; out vec4 vc; out vec3 ve;
void main() {
  vn = n; vp = p; vq = q; vc = c; ve = e;
  float w = 1.0 + (p.y + 0.1) * frame.w;
  gl_Position = vec4((p.x - frame.x) * frame.z, (p.z - frame.y) * frame.z, p.y * 0.8 * w, w);
}"""

_GEOMETRY = """
in vec3 vn; in vec3 vp; in vec3 vq; in vec4 vc; in vec3 ve;
out vec4 g0; out vec4 g1; out vec4 g2;
uniform vec4 scalp;   // painted hair: strength, lowering; brows' inner lift; hat line
uniform sampler3D NOISE;
void main() {
#ifdef STRANDS
  if (ve.z > .80 + .22 * texture(NOISE, vec3(ve.y * 34., vc.a * 9., 7.) / 32.).r) discard;
  if (scalp.w > -1. && vq.z > scalp.w) discard;
#endif
  bool spare = ve.x < .5 || abs(ve.x - 6.) < .5;
  g0 = vec4(normalize(vn), ve.x); g1 = vec4(vq, ve.y); g2 = vec4(spare ? ve.z : vc.r, vc.gba);
}"""

SCREEN = """#version 330
in vec2 p;
void main() { gl_Position = vec4(p, 0., 1.); }"""

LIGHTING = """#version 330
out vec4 o;
uniform sampler2D G0, G1, G2;
uniform vec3 L, LC, SKY, GND, RIM, HAIR, SKIN, CLOTH, ACCENT, EYEL, EYER;
uniform vec4 marks[6];
uniform vec4 face;    // brow lift, brow thickness, beard, rouge
uniform vec4 gaze;    // x, z, left glow, right glow
uniform vec4 scalp;   // painted hair: strength, lowering; brows' inner lift; hat line
uniform int outfit;
uniform sampler3D NOISE;
float hash(vec3 p) { p = fract(p * .3183099 + .1); p *= 17.;
  return fract(p.x * p.y * p.z * (p.x + p.y + p.z)); }
float noise(vec3 x) { return texture(NOISE, x / 32.).r; }
float fbm(vec3 x) { return .6 * noise(x) + .3 * noise(x * 2.1) + .1 * noise(x * 4.3); }
float band(float d, float w) { return 1. - smoothstep(w * .6, w, abs(d)); }
float hairline(vec3 q) {
  float a = atan(abs(q.x), -(q.y + .01));
  float z = mix(.036, .026, smoothstep(.0, .6, a));
  z = mix(z, -.015, smoothstep(.65, 1.05, a)); z = mix(z, -.07, smoothstep(1.05, 1.3, a));
  z = mix(z, -.03, smoothstep(1.35, 1.5, a)); z = mix(z, -.12, smoothstep(1.95, 2.4, a));
  return q.z - z + scalp.y;
}
void mark(vec4 m, vec3 q, inout vec3 col, inout float gloss) {
  float k = m.x; vec2 d = vec2(q.x - m.y, q.z - m.z); float s = m.w;
  float size = abs(m.y) < .02 && m.z < -.06 && m.z > -.1 ? .75 : 1.;
  d /= size * (k < 4.5 ? 1.3 : 1.05);
  float nz = noise(q * 260. + s * 40.);
  if (k < 1.5) {
    float side = m.y < -.01 ? -1. : 1.; vec2 r = mat2(.86, .5 * side, -.5 * side, .86) * d;
    float w = .0031 * (1. - abs(r.y) / .034); float l = step(abs(r.y), .027);
    float tick = band(mod(r.y + .0045, .009) - .0045, .0013) * step(abs(r.x), .0062);
    col = mix(col, vec3(.50, .13, .12) * .75 + col * .12, l * max(band(r.x, w + .0018), .75 *
      tick));
    col = mix(col, vec3(.90, .50, .45), .7 * l * band(r.x, max(w * .5, .0006)));
  } else if (k < 2.5) {
    float r = length(d); float a = atan(d.y, d.x);
    float t = max(band(r - .0145, .0028), band(r - .0045, .0034));
    t = max(t, band(sin(a * 3. + .6), .45) * step(r, .023) * step(.0145, r));
    col = mix(col, vec3(.04, .12, .20), .88 * t);
  } else if (k < 3.5) {
    vec3 g = q * 140.; vec3 i = floor(g); float best = 1.;
    vec3 cc = i + .25 + .5 * vec3(hash(i), hash(i + 7.), hash(i + 3.)); best = length(g - cc);
    float zone = smoothstep(.036, .016, length(d)) ; float on = step(.35, hash(i + 11.));
    col = mix(col, col * vec3(.30, .18, .13), zone * on * smoothstep(.52, .25, best));
  } else if (k < 4.5) {
    float r = length(d * vec2(1., .85)) + .012 * (fbm(q * 90. + s * 9.) - .5);
    float t = smoothstep(.027, .019, r);
    vec3 b = mix(vec3(.42, .12, .09), vec3(.78, .42, .34), fbm(q * 170.));
    col = mix(col, b, .85 * t); gloss += .25 * t;
  } else if (k < 5.5) {
    vec2 r = mat2(.5, -.86, .86, .5) * d;
    float t = step(abs(r.y), .018) * band(r.x, .0044 * (1. - abs(r.y) / .021));
    float drip = band(d.x - .003, .002) * step(d.y, 0.) * step(-.021, d.y);
    col = mix(col, vec3(.70, .01, .02), max(t, .9 * drip)); gloss += .5 * t;
  } else if (k < 6.5) {
    float t = smoothstep(.027, .012, length(d * vec2(1., 1.2)) + .008 * (nz - .5));
    col = mix(col, col * vec3(.24, .12, .32) + vec3(.10, .02, .16), .9 * t);
  } else if (k < 7.5) {
    vec2 r = mat2(.94, .34, -.34, .94) * d; vec2 b = abs(r) - vec2(.023, .0115);
    float t = step(max(b.x, b.y), 0.); float pad = step(max(abs(r.x) - .010, b.y), 0.);
    vec3 w = mix(vec3(.90, .80, .66), vec3(.97, .96, .93), pad);
    w *= .86 + .14 * smoothstep(.0, -.003, max(b.x, b.y)); col = mix(col, w, t);
  } else {
    float r = length(d) + .016 * (fbm(q * 110. + s * 5.) - .5); float t = smoothstep(.019, .015, r);
    float dr = step(d.y, 0.) * step(-.045 + .02 * hash(floor(vec3(d.x * 160., s, 1.))), d.y)
      * step(abs(d.x), .016) * step(.45, hash(floor(vec3(d.x * 160., s, 2.))));
    float sp = step(.86, noise(q * 420. + s)) * smoothstep(.04, .02, length(d));
    t = max(t, max(dr, sp)); col = mix(col, vec3(.46, .0, .015), .92 * t); gloss += .6 * t;
  }
}
vec3 skin(vec3 q, float lips, inout float gloss, inout float ao) {
  vec3 col = SKIN * (.95 + .10 * fbm(q * 70.));
  float ax = abs(q.x);
  float red = exp(-dot(vec2(ax - .043, q.z + .085), vec2(ax - .043, q.z + .085)) * 1800.);
  red += .7 * exp(-dot(vec2(q.x, q.z + .09), vec2(q.x, q.z + .09)) * 5000.);
  col = mix(col, col * vec3(1.06, .80, .76), clamp(red * (.45 + face.w * .5), 0., .7));
  float front = smoothstep(-.03, -.06, q.y);
  vec2 s = vec2(ax - .033, q.z + .052);
  col *= 1. - .26 * exp(-dot(s * vec2(.8, 1.2), s * vec2(.8, 1.2)) * 5200.) * front;
  vec3 lip = mix(col * vec3(.88, .60, .57), vec3(.66, .13, .18) * (.5 + .7 * SKIN.g), face.w);
  col = mix(col, lip, smoothstep(.25, .7, lips) * front); gloss += .3 * lips * front;
  float lid = smoothstep(.0155, .0130, length(vec2((ax - .0318) * .78, q.z + .0485)));
  col *= 1. - (.18 + .25 * face.w) * lid * step(-.0485, q.z) * front;
  float bx = (ax - .0315) / .0225;
  float arch = -.0265 + face.x + .0055 * (1. - bx * bx) - .002 * bx - scalp.z * bx;
  float bw = face.y * (1. - .5 * smoothstep(-.2, 1.1, bx)) * (.85 + .4 * noise(vec3(q.x * 900.,
    q.z * 300., 1.)));
  float brow = step(abs(bx), 1.) * band(q.z - arch, bw) * front;
  col = mix(col, HAIR * .55 + .02, .86 * brow);
  if (face.z > .5) {
  float below = smoothstep(-.105, -.112, q.z + .35 * max(ax - .03, 0.) * -1.2);
  float jaw = max(below, smoothstep(.050, .060, ax) * smoothstep(-.055, -.075, q.z));
  jaw *= smoothstep(.004, -.02, q.y) * smoothstep(-.195, -.175, q.z + .0) * (1. - smoothstep(.1,
    .4, lips));
  float around = smoothstep(.016, .019, length(vec2(q.x, (q.z + .1225) * 1.25)) - .012 * step(ax,
    .026));
  float tache = band(q.z + .1065, .0062) * step(ax, .027);
  jaw = max(jaw * mix(1., around, .6), tache * front);
  col = mix(col, HAIR * (.42 + .5 * noise(q * vec3(700., 500., 260.))), .93 * jaw); }
  float hp = 0.; if (scalp.x > 0.) { float hl = hairline(q) + .010 * (noise(vec3(q.x * 330., q.y
    * 330., q.z * 90.)) - .5);
  hp = smoothstep(.0, .005, hl) * scalp.x;
  float stub = .55 + .6 * noise(q * 600.);
  col = mix(col, HAIR * stub, hp); } gloss *= 1. - hp;
  if (q.y < -.02) for (int i = 0; i < 6; i++) if (marks[i].x > .5) mark(marks[i], q, col, gloss);
  ao *= mix(1., .62, smoothstep(-.155, -.185, q.z) * smoothstep(-.26, -.20, q.z));
  return col;
}
bool clothed(vec3 q) {
  float f = step(q.y, .02); float ax = abs(q.x);
  float top = -.212 + .10 * max(q.y - .02, 0.) * 6.;
  if (q.z > top + .02 * smoothstep(.03, .10, ax)) return false;
  if (outfit == 5 && f > 0. && ax < (q.z + .262) * .75) return false;
  if (outfit == 6 && f > 0. && ax < (q.z + .30) * .62) return false;
  if (outfit == 0 && f > 0. && ax < (q.z + .245) * 1.2) return false;
  return true;
}
vec3 cloth(vec3 q, inout float gloss, inout float metal) {
  float ax = abs(q.x); float f = step(q.y, .03); vec3 col = CLOTH;
  col *= .93 + .14 * fbm(q * vec3(60., 60., 25.));
  col *= .95 + .08 * noise(q * 900.);
  vec3 light = mix(vec3(.93, .92, .90), vec3(.12), step(1.9, CLOTH.r + CLOTH.g + CLOTH.b));
  if (outfit == 1) { metal = 1.; float pl = mod(q.z * 1. + .12 * ax, .052);
    col *= 1. - .5 * band(pl - .026, .003); col *= 1. - .4 * band(q.x, .002) * f; }
  if (outfit == 2 && f > 0.) {
    float v = (q.z + .375) * .36; float lap = v + .024;
    if (ax < v) { col = light; float tw = .012 + .035 * max(-.25 - q.z, 0.);
      if (ax < tw) col = ACCENT * (.8 + .3 * step(.5, fract((q.x + q.z) * 70.))); }
    else if (ax < lap) { col *= 1.28; col += .03; }
    col *= 1. - .55 * max(band(ax - v, .0025), band(ax - lap, .002)); }
  if (outfit == 3 && f > 0.) { float st = band(ax - .026 - .008 * sin(q.z * 60.), .003);
    col = mix(col, light, st * step(-.335, q.z)); col *= 1. - .25 * band(q.z + .36 , .003); }
  if (outfit == 4) { float b = length(vec2(ax - .0, mod(q.z + .02, .044) - .022));
    if (f > 0.) { col *= 1. - .5 * band(q.x - .012, .002);
      col = mix(col, vec3(.95, .78, .3), step(b, .0075));
      float pk = step(abs(ax - .085), .024) * step(abs(q.z + .335), .011);
      col = mix(col, q.x > 0. ? ACCENT : vec3(.93, .8, .35), pk); }
    gloss += .1; }
  if (outfit == 5 && f > 0.) { col *= 1. - .35 * band(q.x, .0022);
    float b = length(vec2(q.x, mod(q.z, .04) - .02)); col = mix(col, light, step(b, .0052));
    float v = (q.z + .262) * .75; col *= 1. + .25 * step(ax, v + .02) * step(-.27, q.z); }
  if (outfit == 6 && f > 0.) { float v = (q.z + .30) * .62;
    float t = step(ax, v + .026) * step(-.30, q.z);
    float t2 = band(q.x + (q.z + .30) * .62, .014) * step(q.z, -.30);
    col = mix(col, ACCENT, max(t, t2)); col *= 1. - .4 * band(ax - v - .026, .002) * step(-.30,
      q.z); }
  if (outfit == 7 && f > 0.) { float v = .022 + .22 * max(q.z + .36, 0.);
    if (ax < v) col = light * .92; else if (ax < v + .006) col = vec3(.72) * (.6 + .5 * step(.5,
      fract(q.z * 160.)));
    col *= 1. - .5 * band(ax - v - .008, .003); gloss += .15; }
  return col;
}
vec3 eyeball(vec3 q, bool left, inout float glow, inout float gloss) {
  vec3 c = vec3(left ? .03124 : -.03124, -.0842, -.0481); vec3 d = normalize(q - c);
  vec3 g = normalize(vec3(gaze.x, -1., gaze.y)); float a = acos(clamp(dot(d, g), -1., 1.));
  vec3 iris = left ? EYEL : EYER; float lit = left ? gaze.z : gaze.w;
  vec3 col = vec3(.93, .92, .91);
  float spoke = .82 + .3 * noise(vec3(atan(d.z, d.x) * 6., a * 3., 2.));
  float in_iris = smoothstep(.56, .52, a);
  col = mix(col, iris * spoke * (1. - .5 * smoothstep(.42, .54, a)), in_iris);
  col = mix(col, vec3(.01), smoothstep(.22, .18, a) * (1. - lit));
  col = mix(col, vec3(1.), lit * smoothstep(.14, .08, a));
  col *= 1. - .45 * smoothstep(.20, .62, d.z);
  glow = lit * in_iris; gloss = 1.2;
  vec3 hl = normalize(vec3(.25, -1., .35)); col += vec3(.9) * smoothstep(.16, .10,
    acos(clamp(dot(d, hl), -1., 1.)));
  return col;
}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy); vec4 g0 = texelFetch(G0, at, 0);
  if (dot(g0.xyz, g0.xyz) < .25) { o = vec4(0.); return; }
  vec4 g1 = texelFetch(G1, at, 0), vc = texelFetch(G2, at, 0);
  vec3 vq = g1.xyz, ve = vec3(g0.w, g1.w, vc.r);
  vec3 n = g0.xyz; if (dot(n, vec3(0., -1., 0.)) < 0. && ve.x > 3.5) n = -n;
  vec3 V = vec3(0., -1., 0.); vec3 H = normalize(L + V);
  float gloss = .10, ao = vc.a, metal = 0., glow = 0., power = 22.; vec3 col = vc.rgb;
  int m = int(ve.x + .5);
  if (m == 0) { if (clothed(vq)) { gloss = .04; col = cloth(vq, gloss, metal); }
    else if (ve.z > .5) { col = vec3(.20, .04, .04); } else col = skin(vq, ve.y, gloss, ao); }
  else if (m == 1) { col = eyeball(vq, true, glow, gloss); power = 90.; }
  else if (m == 2) { col = eyeball(vq, false, glow, gloss); power = 90.; }
  else if (m == 3) { col = vq.z > -.1135 || (vq.z < -.127 && vq.y < -.09) ? vec3(.93, .91, .86) :
    vec3(.55, .16, .17);
    col *= smoothstep(-.06, -.098, vq.y); }
  else if (m == 4) { gloss = .05; col *= .92 + .16 * fbm(vq * 80.); }
  else if (m == 5) metal = 1.;
  else if (m == 7) { glow = 1.; }
  else if (m == 8) { gloss = .5; power = 40.; }
  float wrap = dot(n, L) * .5 + .5; float dif = mix(wrap * wrap, max(dot(n, L), 0.), .45);
  vec3 amb = mix(GND, SKY, n.z * .5 + .5);
  if (m == 6) {
    float strand = .62 * noise(vec3(ve.y * 42., ve.z * 2.2, vc.a * 3.)) + .38 * noise(vec3(ve.y *
      110., ve.z * 4., 5.));
    vec3 T = normalize(vec3(0., 0., -1.) - n * dot(n, vec3(0., 0., -1.)) + vec3(1e-4));
    float th = dot(T, H) + .35 * (strand - .5); float sp = pow(max(1. - th * th, 0.), 26.);
    col = HAIR * (.50 + .85 * strand) * (.62 + .38 * smoothstep(.0, .35, ve.z + .25 * vc.a));
    vec3 c = col * (amb * 1.05 + LC * dif * 1.0) + (HAIR * .6 + .12) * LC * sp * .42 *
      smoothstep(-.2, .5, dot(n, L));
    float fr = pow(1. - max(dot(n, V), 0.), 3.); c += RIM * fr * .30 * (HAIR + .15);
    o = vec4(c, 1.); return;
  }
  float sp = pow(max(dot(n, H), 0.), power) * gloss;
  vec3 c = col * (amb * ao + LC * dif * mix(1., ao, .5)) + LC * sp;
  if (m == 0) c += col * vec3(.10, .025, .012) * (1. - abs(dot(n, L)));
  if (metal > .5) { float r = pow(max(dot(n, H), 0.), 9.); vec3 R = reflect(-V, n);
    vec3 env = mix(GND, SKY * 1.6, smoothstep(-.25, .45, R.z + .15 * sin(R.x * 5.)));
    c = (col * .75 + .10) * (amb * .5 + env * .9 + LC * (dif * .55)) + (col * .5 + .5) * LC * r *
      .75; }
  float fr = pow(1. - max(dot(n, V), 0.), 3.); c += RIM * fr * .32 * smoothstep(-.4, .4, n.z + .3);
  c = mix(c, col * 1.15, glow);
  o = vec4(c, 1.);
}"""

SOLID = "#version 330" + _GEOMETRY
"""Everything but hair. Discards nothing, so that hidden fragments are dropped early."""

STRANDS = "#version 330\n#define STRANDS" + _GEOMETRY
"""Hair, with ragged ends."""
