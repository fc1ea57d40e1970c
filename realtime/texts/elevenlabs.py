"""Text slots of ElevenLabs agents: whole utterances, pieces of them in chat mode, tools, and what a client overrides."""

from __future__ import annotations

from typing import Final

from realtime.texts.slot import Table
from realtime.texts.slot import leaves
from realtime.texts.slot import slots
from realtime.texts.slot import streamed
from realtime.texts.slot import words

_SPOKEN: Final = words("model_transcript")
_WHOLE: Final = streamed("model_transcript", "final")

FROM_CLIENT: Final[Table] = {
    "conversation_initiation_client_data": slots(
        ("$.conversation_config_override.agent.first_message", words("instructions")),
        ("$.conversation_config_override.agent.prompt", leaves("instructions")),
        ("$.dynamic_variables", leaves("instructions")),
        ("$.custom_llm_extra_body", leaves("instructions")),
    ),
    "user_message": slots(("$.text", words("user_text"))),
    "multimodal_message": slots(("$.text", words("user_text")), ("$.text.text", words("user_text"))),
    "contextual_update": slots(("$.text", words("user_text"))),
    "client_tool_result": slots(("$.result", leaves("tool_result"))),
    "mcp_tool_result": slots(("$.result", leaves("mcp"))),
}

FROM_SERVER: Final[Table] = {
    "agent_response": slots(("$.agent_response_event.agent_response", _WHOLE)),
    "agent_chat_response_part": slots(("$.text_response_part.text", streamed("model_transcript", "delta"))),
    "agent_response_correction": slots(
        ("$.agent_response_correction_event.original_agent_response", _SPOKEN),
        ("$.agent_response_correction_event.corrected_agent_response", _SPOKEN),
    ),
    "internal_tentative_agent_response": slots(
        ("$.tentative_agent_response_internal_event.tentative_agent_response", _SPOKEN),
    ),
    "user_transcript": slots(("$.user_transcription_event.user_transcript", words("user_transcript"))),
    "tentative_user_transcript": slots(("$.tentative_user_transcription_event.user_transcript", words("user_transcript"))),
    "client_tool_call": slots(("$.client_tool_call.parameters", leaves("tool_arguments"))),
    "mcp_tool_call": slots(("$.mcp_tool_call", leaves("mcp"))),
}
