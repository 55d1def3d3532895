"""The fields of each search: their names, and the operators and values of each.

The names, aliases and refusals come from MLflow 3.17: from `SearchUtils` and from its SQL store,
which is stricter in places. Beyond MLflow, every field but an experiment's id may be tested with
IN, NOT IN, BETWEEN, IS NULL and IS NOT NULL.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.tokens import Token, clipped, syntax_error, unquote

RunFieldKind = Literal["metric", "param", "tag", "attribute", "dataset"]
TraceFieldKind = Literal["metadata", "span", "feedback", "expectation", "issue"]
FieldKind = RunFieldKind | TraceFieldKind

NUMBER_OPERATORS = (
    *("=", "!=", "<", "<=", ">", ">="),
    *("IN", "NOT IN", "BETWEEN", "IS NULL", "IS NOT NULL"),
)
TEXT_OPERATORS = (
    *("=", "!=", "LIKE", "ILIKE"),
    *("IN", "NOT IN", "BETWEEN", "IS NULL", "IS NOT NULL"),
)
IDENTIFIER_OPERATORS = ("=", "!=", "IN", "NOT IN")


class Field(msgspec.Struct, frozen=True):
    """The field of a comparison or an order. For attributes `key` is the real name, no alias."""

    kind: FieldKind
    key: str


class FieldType(msgspec.Struct, frozen=True):
    """The values and operators of a field.

    "either": a number for < and >, a text otherwise. "mixed": as that, but for =, !=, IN, NOT IN
    and BETWEEN the value says whether numbers or texts are compared.
    """

    value: Literal["text", "number", "integer", "either", "mixed"]
    operators: tuple[str, ...]

    def token_kinds(self, operator: str) -> tuple[str, ...]:
        """The kinds of token that may stand for a value behind an operator."""
        if self.value in ("either", "mixed"):
            if operator in ("<", "<=", ">", ">="):
                return ("number",)
            texts_only = self.value == "either" or operator in ("LIKE", "ILIKE")
            return ("text",) if texts_only else ("text", "number")
        return ("text",) if self.value == "text" else ("number",)


NUMBER = FieldType("number", NUMBER_OPERATORS)
INTEGER = FieldType("integer", NUMBER_OPERATORS)
TEXT = FieldType("text", TEXT_OPERATORS)
MIXED = FieldType("mixed", (*TEXT_OPERATORS[:2], "<", "<=", ">", ">=", *TEXT_OPERATORS[2:]))
IDENTIFIER = FieldType("text", IDENTIFIER_OPERATORS)


class Schema(msgspec.Struct, frozen=True):
    """The fields of one kind of search: a run's, an experiment's or a trace's."""

    entities: Mapping[str, FieldKind]  # the word before the dot -> kind
    entity_words: str  # the list of entities in MLflow's message
    attributes: Mapping[str, FieldType]
    aliases: Mapping[str, str]  # another name MLflow accepts -> attribute
    advice: Mapping[str, str]  # a likely wrong name, in small letters -> the hint
    order_kinds: tuple[FieldKind, ...]
    kinds: Mapping[FieldKind, FieldType] = {}  # kinds that are neither numbers nor plain texts
    # The only keys of some kinds; `prefix.<name>` allows any name behind the prefix.
    keys: Mapping[FieldKind, tuple[str, ...]] = {}

    def type_of(self, field: Field) -> FieldType:
        """The type of a field."""
        if field.kind == "attribute":
            return self.attributes[field.key]
        plain = NUMBER if field.kind == "metric" else TEXT
        return self.kinds.get(field.kind, plain)

    def has_key(self, kind: FieldKind, key: str) -> bool:
        """Whether fields of a kind may have a key."""
        known = self.keys.get(kind)
        if known is None or key in known:
            return True
        prefixes = tuple(
            pattern.removesuffix("<name>") for pattern in known if pattern.endswith("<name>")
        )
        return key.startswith(prefixes) and key not in prefixes


_PREFIX_ADVICE = "a metric, param or tag needs its prefix: metrics.{0}, params.{0} or tags.{0}"

RUNS = Schema(
    entities={
        **dict.fromkeys(("metric", "metrics"), "metric"),
        **dict.fromkeys(("parameter", "parameters", "param", "params"), "param"),
        **dict.fromkeys(("tag", "tags"), "tag"),
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
        **dict.fromkeys(("dataset", "datasets"), "dataset"),
    },
    entity_words="Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
    attributes={
        "run_id": TEXT,
        "run_name": TEXT,
        "user_id": TEXT,
        "status": TEXT,
        "artifact_uri": TEXT,
        "start_time": NUMBER,
        "end_time": NUMBER,
    },
    aliases={
        **dict.fromkeys(("created", "Created"), "start_time"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
    },
    advice={
        "user": "write user_id",
        "id": "write run_id",
        "run_uuid": "write run_id",
        "name": "write run_name, or `Run name` in backticks",
        "run": "write run_name or run_id; a name with a space goes in backticks: `Run name`",
        "experiment_id": "give the experiment ids to the search itself, beside the filter",
        "lifecycle_stage": "choose deleted runs with the search's view type, beside the filter",
    },
    order_kinds=("metric", "param", "tag", "attribute"),
    keys={"dataset": ("name", "digest", "context")},
)

# Beyond MLflow: params and tags are compared as numbers with numbers.
RUNS_WITH_NUMBERS = msgspec.structs.replace(RUNS, kinds={"param": MIXED, "tag": MIXED})

EXPERIMENTS = Schema(
    entities={"attribute": "attribute", "tag": "tag", "tags": "tag"},
    entity_words="Valid entity types are ('attribute', 'tag', 'tags')",
    attributes={
        "name": TEXT,
        "experiment_id": IDENTIFIER,
        "creation_time": INTEGER,
        "last_update_time": INTEGER,
    },
    aliases={},
    advice={
        "id": "write experiment_id",
        "created": "write creation_time",
        "updated": "write last_update_time",
        "attributes": "write attribute.name, or only name",
        "attr": "write attribute.name, or only name",
        "lifecycle_stage": "choose deleted experiments with the search's view type",
    },
    # MLflow's store orders experiments by their attributes alone.
    order_kinds=("attribute",),
)

LOGGED_MODELS = Schema(
    entities={
        **dict.fromkeys(("metric", "metrics"), "metric"),
        **dict.fromkeys(("param", "params"), "param"),
        **dict.fromkeys(("tag", "tags"), "tag"),
        **dict.fromkeys(("attribute", "attributes"), "attribute"),
    },
    entity_words="Expected one of ['attributes', 'metrics', 'params', 'tags']",
    attributes={
        "name": TEXT,
        "model_id": TEXT,
        "model_type": TEXT,
        "status": TEXT,
        "source_run_id": TEXT,
        "experiment_id": TEXT,
        "artifact_location": TEXT,
        "creation_timestamp": INTEGER,
        "last_updated_timestamp": INTEGER,
    },
    aliases={
        **dict.fromkeys(("creation_time", "creation_timestamp_ms"), "creation_timestamp"),
        "last_updated_timestamp_ms": "last_updated_timestamp",
    },
    advice={
        "id": "write model_id",
        "run_id": "write source_run_id",
        "type": "write model_type",
        "lifecycle_stage": "deleted models are not searched",
    },
    order_kinds=("metric", "attribute"),
)

REGISTERED_MODELS = Schema(
    entities={
        **dict.fromkeys(("tag", "tags"), "tag"),
        **dict.fromkeys(("attribute", "attributes"), "attribute"),
    },
    entity_words="Valid entity types are ('attribute', 'tag', 'tags')",
    attributes={"name": TEXT, "creation_timestamp": INTEGER, "last_updated_timestamp": INTEGER},
    aliases={"timestamp": "last_updated_timestamp"},
    advice={},
    order_kinds=("attribute",),
)

MODEL_VERSIONS = Schema(
    entities=REGISTERED_MODELS.entities,
    entity_words=REGISTERED_MODELS.entity_words,
    attributes={
        "name": TEXT,
        "version_number": INTEGER,
        "run_id": TEXT,
        "source_path": TEXT,
        "creation_timestamp": INTEGER,
        "last_updated_timestamp": INTEGER,
    },
    aliases={},
    advice={"version": "write version_number", "source": "write source_path"},
    order_kinds=("attribute",),
)

DATASETS = Schema(
    entities=REGISTERED_MODELS.entities,
    entity_words=REGISTERED_MODELS.entity_words,
    attributes={
        "name": TEXT,
        "created_time": INTEGER,
        "last_update_time": INTEGER,
        "created_by": TEXT,
        "last_updated_by": TEXT,
    },
    aliases={},
    advice={"id": "a dataset's id is asked for without a search"},
    order_kinds=("attribute",),
)


def resolve_field(schema: Schema, token: Token, text: str) -> Field:
    """The field that `token` of `text` names.

    Raises:
        FilterSyntaxError: The kind of field or the attribute does not exist, or the key is empty.
    """
    name = unquote(token.text) if token.key is None else ""
    if token.key is not None:
        entity, key = unquote(token.entity), unquote(token.key)
    elif "." in name:
        # In some orders MLflow accepts the dot inside the quotes, as in `metrics.my key`; so do we.
        entity, _, key = name.partition(".")
    else:
        return _attribute(schema, name, token, text)
    kind = schema.entities.get(entity)
    if kind is None:
        raise syntax_error(
            f"Invalid entity type '{clipped(entity)}'. {schema.entity_words}",
            text,
            token.start,
            hint=_entity_hint(schema, entity),
        )
    if kind == "attribute":
        return _attribute(schema, key, token, text)
    if not schema.has_key(kind, key):
        known = schema.keys[kind]
        raise syntax_error(
            f"Invalid {kind} key '{clipped(key)}' specified. Valid keys are '{', '.join(known)}'",
            text,
            token.start,
            hint="write " + " or ".join(f"{entity}.{allowed}" for allowed in known),
        )
    if not key:
        raise syntax_error(
            f"Invalid identifier '{clipped(token.text)}': its key is empty",
            text,
            token.start,
            hint=f"write the key behind the dot, as in {entity}.`my key`",
        )
    return Field(kind, key)


def value_error(
    field: Field, field_type: FieldType, token: Token, text: str, operator: str
) -> FilterSyntaxError:
    """The error for a value that `field` cannot be compared with, in MLflow's words."""
    shown = clipped(token.text) if token.kind != "end" else "nothing"
    if field_type.value == "either":
        wanted = "quoted string" if "text" in field_type.token_kinds(operator) else "numeric"
        message = f"Expected a {wanted} value for {field.kind}. Got value {shown}"
        hint = f"a number goes with < or >, a text as in {field.kind}.{field.key} = 'yes'"
    elif field_type.value == "mixed" and token.kind in ("number", "text"):
        operator_takes = field_type.token_kinds(operator)
        if "text" not in operator_takes:
            message = f"Expected a number for {field.kind} behind {operator}. Got value {shown}"
            hint = f"write it without quotes, as in {field.kind}s.lr < 0.01"
        elif "number" not in operator_takes:
            message = f"Expected a quoted string value for {field.kind}. Got value {shown}"
            hint = f"write '{shown}'"
        else:
            message = f"Expected numbers or texts for {field.kind}, not both. Got value {shown}"
            hint = "write all values without quotes, or all with quotes"
    elif field_type.value not in ("text", "mixed"):
        noun = "metric" if field.kind == "metric" else f"numeric attribute: {field.key}"
        message = f"Expected numeric value type for {noun}. Found {shown}"
        if field.kind == "metric":
            hint = "write a number without quotes, as in metrics.loss < 0.5"
        else:
            hint = f"write {field.key} as milliseconds since 1970, without quotes"
    elif token.kind == "field":
        message = (
            "Parameter value is either not quoted or unidentified quote types used for string "
            f"value {shown}. Use either single or double quotes."
        )
        inner = unquote(token.text).replace("'", "''")
        hint = f"write '{clipped(inner)}'"
    else:
        nouns = {"param": "parameter (e.g. 'my-value')", "tag": "tag (e.g. 'my-value')"}
        nouns |= {"attribute": "attributes", "dataset": "dataset attributes"}
        noun = nouns.get(field.kind, f"{field.kind} (e.g. 'my-value')")
        message = f"Expected a quoted string value for {noun}. Got value {shown}"
        hint = "a list needs IN, as in IN ('a', 'b')" if token.text == "(" else "write 'my-value'"
        if token.kind == "number":
            hint = f"write '{shown}': params, tags and names are texts"
    if operator in ("IN", "NOT IN"):
        # MLflow's words for a value inside the parentheses.
        message = f"While parsing a list in the query, {message[:1].lower()}{message[1:]}"
    return syntax_error(message, text, token.start, hint=hint)


def comparator_error(
    field_type: FieldType, operator: str, text: str, position: int
) -> FilterSyntaxError:
    """The error for an operator that is not of the field's type, in MLflow's words."""
    allowed = ", ".join(field_type.operators)
    word = operator.upper()
    likely = {"==": "=", "<>": "!=", "=<": "<=", "=>": ">=", "=!": "!="}.get(operator)
    if likely in field_type.operators:
        hint = f"write {likely}"
    elif word in ("NOT LIKE", "NOT ILIKE", "NOT BETWEEN"):
        hint = f"put NOT in front of the comparison: NOT field {word[4:]} ..."
    elif operator[0] in "<>=!~" or word in (*TEXT_OPERATORS, "RLIKE", "REGEXP", "GLOB"):
        noun = "number" if field_type.value in ("number", "integer") else "text"
        hint = f"this is a {noun}: compare it with {allowed}"
    else:
        hint = "a key with spaces or other unusual characters goes in backticks: metrics.`my key`"
    return syntax_error(
        f"Invalid comparator '{clipped(operator)}' not one of '{allowed}'",
        text,
        position,
        hint=hint,
    )


def _attribute(schema: Schema, name: str, token: Token, text: str) -> Field:
    if name in schema.attributes:
        return Field("attribute", name)
    if name in schema.aliases:
        return Field("attribute", schema.aliases[name])
    raise syntax_error(
        f"Invalid attribute key '{clipped(name)}' specified. "
        f"Valid keys are '{', '.join(schema.attributes)}'",
        text,
        token.start,
        hint=_attribute_hint(schema, name),
    )


def _attribute_hint(schema: Schema, name: str) -> str:
    plain = name.strip().lower().replace(" ", "_")
    if plain in schema.attributes:
        return f"write {plain}"
    if plain in schema.advice:
        return schema.advice[plain]
    if plain in schema.aliases:
        return f"write {schema.aliases[plain]}"
    if "metric" in schema.entities:
        return _PREFIX_ADVICE.format(clipped(name))
    return f"a tag needs its prefix: tags.{clipped(name)}"


def _entity_hint(schema: Schema, entity: str) -> str:
    plain = entity.lower()
    for guess in (plain, plain.removesuffix("s"), plain + "s"):
        if guess in schema.entities:
            return f"write {guess}."
    if plain in schema.advice:
        return schema.advice[plain]
    return "write one of " + ", ".join(f"{word}." for word in schema.entities)
