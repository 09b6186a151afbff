//! The plain objects passed to and from JavaScript. Lists of numbers are typed arrays.

use js_sys::{Error as JsErrorObject, Object, Reflect, Uint8Array, Uint8ClampedArray};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::attack;
use crate::classifier::Input;
use crate::photo::Photo;
use crate::report::{AttackProgress, AttackReport, Prediction};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A picture at a network's input size, as the network sees it. */
export interface Picture {
    width: number;
    height: number;
    /** Red, green, blue, alpha, row by row: what a canvas draws. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** An attack and its parameters. What is left out has its default. */
export type AttackOptions = {
    /** The attack's name. */
    attack: string;
    /** The norm to keep small, if the attack supports several. */
    norm?: Norm;
    /** The label to be read; by default any wrong one. */
    target?: string;
    /** The least probability of the wrong label or the target. */
    sure?: number;
    /** The part that may change, `LEFT,TOP,WIDTH,HEIGHT` in pixels of the network's input; by default all of it. */
    region?: string;
} & {
    /** The attack's parameters by name. */
    [parameter: string]: number | string | undefined;
};

/** How far an attack is. */
export interface LiveProgress extends AttackProgress {
    /** The smallest change that fools so far, as a picture, updated about twice a second; null if it is the same as before. */
    best: Picture | null;
}

/** What an attack on one picture achieved, with the pictures. */
export interface AttackResult {
    report: AttackReport;
    /** The five most probable classes of the original. */
    original_predictions: Prediction[];
    /** The five most probable classes of the 8-bit adversarial picture. */
    adversarial_predictions: Prediction[];
    /** The 8-bit adversarial picture: what `png` holds. */
    adversarial: Picture;
    /** The change times `factor` around middle grey. */
    difference: Picture;
    factor: number;
    png: Uint8Array<ArrayBuffer>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// A picture at a network's input size.
    #[wasm_bindgen(typescript_type = "Picture")]
    pub type Picture;
    #[wasm_bindgen(method, getter)]
    fn width(this: &Picture) -> usize;
    #[wasm_bindgen(method, getter)]
    fn height(this: &Picture) -> usize;
    #[wasm_bindgen(method, getter)]
    fn rgba(this: &Picture) -> Uint8ClampedArray;

    /// An attack and its parameters.
    #[wasm_bindgen(typescript_type = "AttackOptions")]
    pub type AttackOptions;

    /// The result of an attack on one picture.
    #[wasm_bindgen(typescript_type = "AttackResult")]
    pub type AttackResult;

    /// A list of predictions.
    #[wasm_bindgen(typescript_type = "Prediction[]")]
    pub type Predictions;

    /// A list of attacks.
    #[wasm_bindgen(typescript_type = "AttackInfo[]")]
    pub type AttackInfos;
}

impl AttackOptions {
    /// The options in the form of the library.
    pub fn to_rust(&self) -> Result<attack::AttackOptions, JsError> {
        Ok(serde_wasm_bindgen::from_value(self.into())?)
    }
}

/// The parts of an [`AttackResult`].
pub struct AttackParts {
    pub report: AttackReport,
    pub original_predictions: Vec<Prediction>,
    pub adversarial_predictions: Vec<Prediction>,
    pub adversarial: Photo,
    pub difference: Photo,
    pub factor: f64,
}

impl AttackParts {
    pub fn into_js(self) -> Result<AttackResult, JsError> {
        Ok(object([
            ("report", plain(&self.report)?),
            ("original_predictions", plain(&self.original_predictions)?),
            ("adversarial_predictions", plain(&self.adversarial_predictions)?),
            ("png", Uint8Array::from(self.adversarial.png().as_slice()).into()),
            ("adversarial", picture(&self.adversarial).into()),
            ("difference", picture(&self.difference).into()),
            ("factor", self.factor.into()),
        ])
        .unchecked_into())
    }
}

/// A photo as an object for JavaScript.
pub fn picture(photo: &Photo) -> Picture {
    object([
        ("width", photo.width().into()),
        ("height", photo.height().into()),
        ("rgba", Uint8ClampedArray::from(photo.rgba().as_slice()).into()),
    ])
    .unchecked_into()
}

/// A picture from JavaScript, if it has the size and the number of values of `input`.
pub fn photo(picture: &Picture, input: Input) -> Result<Photo, JsError> {
    if (picture.width(), picture.height()) != (input.width, input.height) {
        return Err(JsError::new(&format!(
            "the picture has {}×{} pixels: expected {}×{}, as decode() makes it",
            picture.width(),
            picture.height(),
            input.width,
            input.height
        )));
    }
    Ok(Photo::from_rgba(&picture.rgba().to_vec(), input.channels, input.height, input.width)?)
}

/// The progress, with the best picture so far if there is a new one.
pub fn live_progress(progress: &AttackProgress, best: Option<&Photo>) -> Result<JsValue, JsError> {
    let value = plain(progress)?;
    Reflect::set(&value, &"best".into(), &best.map_or(JsValue::NULL, |best| picture(best).into()))
        .expect("a plain object takes any property");
    Ok(value)
}

/// A list of plain objects, with the list type of the caller.
pub fn list<T: Serialize, L: JsCast>(values: &[T]) -> Result<L, JsError> {
    Ok(plain(values)?.unchecked_into())
}

/// Whether the caller has cancelled.
pub fn aborted(signal: Option<&AbortSignal>) -> bool {
    signal.is_some_and(AbortSignal::aborted)
}

/// The error an aborted promise rejects with.
pub fn abort_error() -> JsValue {
    let error = JsErrorObject::new("it was cancelled");
    error.set_name("AbortError");
    error.into()
}

fn plain<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, JsError> {
    Ok(value.serialize(&Serializer::new().serialize_missing_as_null(true))?)
}

fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in entries {
        Reflect::set(&object, &name.into(), &value).expect("a new object takes any property");
    }
    object
}
