"""What every section of the configuration is: frozen, bounded, strict about its keys."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from outlast.config.complaints import complaints_of, refusal

__all__ = ["Section"]


class Section(BaseModel):
    """A group of settings that cannot be built wrong; `ConfigurationError` names every complaint at once."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __init__(self, /, **values: Any) -> None:
        # pydantic calls this for sections inside sections too, so each reports its own keys.
        try:
            super().__init__(**values)
        except ValidationError as error:
            keys = (field.alias or name for name, field in type(self).model_fields.items())
            raise refusal(complaints_of(error, keys)) from error
